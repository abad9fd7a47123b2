package module

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/lib/fsext"

	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/internal/workload"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// workloads are the process's, by their specification: all users share what was read.
type workloads struct {
	mu   sync.Mutex
	read map[string]*sharedWorkload
}

type sharedWorkload struct {
	*workload.Workload
	description string // specification and digest of the files

	mu    sync.Mutex
	scale int64 // rows of pgbench_branches; 0 until somebody has counted them
}

type workloadError struct{ err error }

func (e *workloadError) Error() string { return e.err.Error() }

func (e *workloadError) Unwrap() error { return e.err }

type workloadObject struct {
	*instance
	shared *sharedWorkload
	user   *workload.User // nil before the first run
}

// workload is workload(specification): pgbench's scripts and their weights.
func (i *instance) workload(call sobek.FunctionCall) sobek.Value {
	const name = "workload(specification)"
	specification, ok := call.Argument(0).(sobek.String)
	if !ok || len(call.Arguments) != 1 {
		i.throw(argumentsError(name, "use a string such as 'list.sql@8,update.sql@2'"))
	}
	if i.vu.State() != nil {
		i.throw(misuse("%s outside the init context: files can be read there only", name))
	}
	shared, err := i.root.workloads.get(specification.String(), i.readWorkload)
	if err != nil {
		i.throw(&workloadError{err})
	}
	i.test.ExpectStatements(shared.Tags())
	w := &workloadObject{instance: i, shared: shared}
	return i.object(field{"description", shared.description}, field{"prepare", w.prepare}, field{"run", w.run})
}

func (w *workloads) get(specification string, read func(string) ([]byte, error)) (*sharedWorkload, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if known, ok := w.read[specification]; ok {
		return known, nil
	}
	digest := sha256.New()
	loaded, err := workload.Load(specification, func(path string) ([]byte, error) {
		content, err := read(path)
		digest.Write(content)
		return content, err
	})
	if err != nil {
		return nil, err
	}
	if w.read == nil {
		w.read = make(map[string]*sharedWorkload)
	}
	const shown = 4 // bytes
	description := fmt.Sprintf("%s (%x)", specification, digest.Sum(nil)[:shown])
	w.read[specification] = &sharedWorkload{Workload: loaded, description: description}
	return w.read[specification], nil
}

// readWorkload reads a file of the working directory through k6's file system, so that an archive carries it.
func (i *instance) readWorkload(path string) ([]byte, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	return readFrom(i.vu.InitEnv().FileSystems["file"], dir, path)
}

// readFrom reads a file of a directory. Where an archive runs, the directory is another one: there the file is known by
// the end of its path. Only an archive is looked through, never a machine's disks.
func readFrom(files fsext.Fs, dir, path string) ([]byte, error) {
	full := path
	if !filepath.IsAbs(path) {
		full = filepath.Join(dir, path)
	}
	content, err := fsext.ReadFile(files, full)
	if err == nil {
		return content, nil
	}
	if _, disks := files.(fsext.CacheLayerGetter); !disks {
		if archived := findArchived(files, path); archived != "" {
			return fsext.ReadFile(files, archived)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		in := "in the working directory"
		if filepath.IsAbs(path) {
			in = "on this machine"
		}
		return nil, fmt.Errorf("%s: there is no such file %s", path, in)
	}
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		err = failed.Err
	}
	return nil, fmt.Errorf("%s: %w", path, err)
}

// findArchived looks through an archive's files. Of two whose paths have this end it is the one with the shorter path:
// list.sql of the directory itself, not dir/list.sql.
func findArchived(files fsext.Fs, path string) (found string) {
	end := filepath.ToSlash(filepath.Clean("/" + path)) // as a rooted path it has no ".."
	if filepath.IsAbs(path) {
		end = lib.NormalizeAndAnonymizePath(path)
	}
	_ = fsext.Walk(files, string(filepath.Separator), func(name string, info fs.FileInfo, err error) error {
		if err == nil && !info.IsDir() && strings.HasSuffix("/"+filepath.ToSlash(name), end) && (found == "" || len(name) < len(found)) {
			found = name
		}
		return nil
	})
	return found
}

// prepare counts the branches of pgbench's tables where a script needs the scale, so that a missing table ends the
// test before its load.
func (w *workloadObject) prepare(call sobek.FunctionCall) sobek.Value {
	p := w.poolOf(call, "workload.prepare(pool)")
	_, err := w.shared.scaleOn(p.ready("workload.prepare()"), p.session.Current())
	w.must(err)
	return sobek.Undefined()
}

func (w *workloadObject) poolOf(call sobek.FunctionCall, name string) *poolObject {
	if p := poolBehind(call.Argument(0)); p != nil {
		return p
	}
	w.throw(argumentsError(name, "pool is "+sqlvalue.TypeName(call.Argument(0))+"; use a Pool"))
	return nil
}

type querier interface {
	Query(s *pool.Scope, sql string, args []any) (*pool.Result, error)
}

const countBranches = "SELECT count(*)::text FROM pgbench_branches"

// scaleOn is the scale of pgbench's tables, asked for once; 1 where no script needs it.
func (s *sharedWorkload) scaleOn(on querier, scope *pool.Scope) (int64, error) {
	if !s.Scaled() {
		return 1, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.scale > 0 {
		return s.scale, nil
	}
	result, err := on.Query(scope, countBranches, nil)
	if err != nil {
		return 0, fmt.Errorf("the scale of pgbench's tables cannot be read (make them with: pgbench -i -s 10): %w", err)
	}
	if _, err := fmt.Sscan(string(result.Value(0, 0)), &s.scale); err != nil || s.scale < 1 {
		return 0, misuse("pgbench_branches is empty: make pgbench's tables with: pgbench -i -s 10")
	}
	return s.scale, nil
}

// run runs one script, chosen by the weights, on one connection of the pool.
func (w *workloadObject) run(call sobek.FunctionCall) sobek.Value {
	p := w.poolOf(call, "workload.run(pool)")
	pl := p.ready("workload.run()")
	if w.user == nil {
		w.user = w.shared.NewUser(int64(w.vu.State().VUID)) //nolint:gosec // a count of users
	}
	conn, err := pl.Acquire(p.session.Current(), p.scriptLine())
	w.must(err)
	began := time.Now()
	err = w.runOn(p, conn)
	p.session.Current() // the tags without a statement
	conn.Release()      // rolls back what is still open
	w.test.Held(time.Since(began))
	w.must(err)
	return sobek.Undefined()
}

func (w *workloadObject) runOn(p *poolObject, conn *pool.Conn) error {
	scale, err := w.shared.scaleOn(conn, p.session.Current())
	if err != nil {
		return err
	}
	err = w.user.Run(scale, &execution{p, conn})
	if _, ok := errors.AsType[*workload.Error](err); ok {
		return &pool.QueryError{Err: err}
	}
	return err
}

// execution does what a script asks for, on one connection. It implements workload.Executor.
type execution struct {
	*poolObject
	conn *pool.Conn
}

// Execute implements workload.Executor.
func (x *execution) Execute(st *workload.Statement, arguments []any) error {
	began := time.Now()
	_, err := x.conn.Exec(x.session.Statement(st.Tag), st.SQL, arguments)
	if errors.Is(err, pool.ErrInterrupted) {
		return err
	}
	x.test.Executed(st.Tag, time.Since(began), err != nil)
	if err != nil {
		return fmt.Errorf("%s: %w", st.Tag, err)
	}
	return nil
}

// Sleep implements workload.Executor.
func (x *execution) Sleep(d time.Duration) error { return pause(d, x.vu.Context().Done()) }
