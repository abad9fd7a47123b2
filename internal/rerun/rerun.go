// Package rerun runs a load test again, in a process of its own, and reads the
// summary that it wrote.
package rerun

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/child"
	"github.com/flowboard/xk6-pgxpool/internal/compare"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// Test is a load test that can be run again.
type Test struct {
	Script      string
	Environment map[string]string // all of it but OUT
	Limit       time.Duration     // of one run, however it ends
	Patience    time.Duration     // for a run that is stopped to end by itself
}

// Reruns run one test again and again. Its files are temporary.
type Reruns struct {
	test     Test
	folder   string
	watchdog *child.Watchdog
	runs     int
}

// New prepares reruns. [Reruns.Close] ends them.
func New(test Test) (*Reruns, error) {
	folder, err := os.MkdirTemp("", "xk6-pgxpool-rerun-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the reruns: %w", err)
	}
	watchdog, err := child.Watch(child.Duty{
		Name: "xk6-pgxpool-rerun", Signal: "TERM", Group: true, Patience: test.Patience, Dir: folder,
		Environment: []string{"PATH=" + test.Environment["PATH"]},
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watching over the reruns: %w", err), os.RemoveAll(folder))
	}
	return &Reruns{test: test, folder: folder, watchdog: watchdog}, nil
}

// Close removes the files.
func (r *Reruns) Close() error { return r.watchdog.Dismiss() }

// Run runs the test with a k6. At the end of the context, and at the limit, the
// process and its children are stopped.
func (r *Reruns) Run(ctx context.Context, k6 string) (verdict.Summary, error) {
	r.runs++
	out := filepath.Join(r.folder, strconv.Itoa(r.runs))
	said, err := os.Create(out + ".log") // #nosec G304 -- in our own folder
	if err != nil {
		return verdict.Summary{}, err
	}
	defer said.Close()                                       //nolint:errcheck // what the process wrote is read again, or not needed
	cmd := exec.Command(k6, "run", "--quiet", r.test.Script) // #nosec G204 -- the user names both
	cmd.Stdout, cmd.Stderr = said, said
	cmd.Env = append(environ(r.test.Environment), "OUT="+out)
	process, err := r.watchdog.Start(cmd)
	if err != nil {
		return verdict.Summary{}, err
	}
	defer process.StopGroup() // what is left of its children
	select {
	case <-process.Exited():
	case <-ctx.Done():
		return verdict.Summary{}, ctx.Err()
	case <-time.After(r.test.Limit):
		return verdict.Summary{}, fmt.Errorf("it had not ended after %s", r.test.Limit)
	}
	// A verdict that does not hold its gate is a measurement like any other.
	const thresholdsFailed = 99
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != thresholdsFailed {
		return verdict.Summary{}, fmt.Errorf("%w: %s", process.Err(), child.Tail(said.Name()))
	}
	summary, err := compare.ReadSummary(filepath.Join(out, "summary.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return verdict.Summary{}, fmt.Errorf("%s wrote no summary.json; give the script that made the result", r.test.Script)
	}
	return summary, err
}

func environ(variables map[string]string) []string {
	all := make([]string, 0, len(variables))
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		all = append(all, name+"="+variables[name])
	}
	return all
}
