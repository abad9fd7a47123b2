package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/results"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/workload"
)

const recordLong = `Record the mix of statements that a live database runs, as workload files.

Counted are the calls in pg_stat_statements during --duration (or until Ctrl-C),
of this role or of --role, in the database of --url (DATABASE_URL). Each statement
becomes a file in pgbench's language, its parameters left to fill in: a file is
refused, as list.sql:2, until each ? is replaced. No literal is written. At the end
the WORKLOAD with the weights is printed, ready to paste.

Utility statements, such as BEGIN and COMMIT, and what the server cannot parse
again are left out, and counted: each recorded statement runs by itself.`

const recordExample = `  k6 x pgxpool record --duration 60 --role flowboard -o workload
  k6 run -e WORKLOAD=workload/select_issues.sql@8,workload/update_issues.sql@2 scripts/100users.js`

// mostFiles is how many statements are written, the most called ones.
const mostFiles = 50

// newRecord makes `k6 x pgxpool record`.
func newRecord(gs *state.GlobalState) *cobra.Command {
	flags := &monitorFlags{interval: "2", format: formatText, gate: gateNone}
	cmd := &cobra.Command{
		Use:     "record",
		Short:   "Write workload files from the statements of a live database",
		Long:    recordLong,
		Example: recordExample,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// The default is given too: a watch without a duration has no end.
			settings, err := flags.settings(gs, func(flag string) bool { return cmd.Flags().Changed(flag) || flag == "duration" })
			if err != nil {
				return invalid(err)
			}
			return runRecord(gs, settings)
		},
	}
	set := cmd.Flags()
	set.SortFlags = false
	set.StringVar(&flags.duration, "duration", "60", "how long to record: seconds, or a duration such as 5m")
	set.StringVar(&flags.url, "url", "", "database to look at (DATABASE_URL)")
	set.StringVar(&flags.role, "role", "", "role whose statements are recorded (APP_ROLE; the one of --url)")
	set.StringVarP(&flags.output, "output", "o", "workload", "folder for the files; it must not contain .sql files")
	return cmd
}

func runRecord(gs *state.GlobalState, s monitorSettings) error {
	folder, err := emptyFolder(gs, s.output)
	if err != nil {
		return invalid(err)
	}
	cfg, err := s.watch.Config(longestAnswer)
	if err != nil {
		return invalid(namingFlag(err, monitorOptions))
	}
	ctx, stop := untilSignal(gs)
	defer stop()
	conn, err := monitor.Connect(ctx, cfg.Conn)
	if err != nil {
		return errext.WithExitCodeIfNone(fmt.Errorf("%w; %s", err, monitor.Advice(err)), exitcodes.ScriptException)
	}
	// Not ctx: what was recorded is written after a signal too.
	after := context.WithoutCancel(ctx)
	defer func() { _ = conn.Close(after) }() // all that was asked has been answered
	statements, err := monitor.OpenStatements(ctx, conn, s.watch.Select.Role)
	if err != nil {
		return errext.WithExitCodeIfNone(err, exitcodes.ScriptException)
	}
	r := &statementMix{out: gs.Stdout, statements: statements, named: s.output, asked: s.duration, kinds: map[string]int64{}}
	if err := r.record(ctx, after); err != nil {
		return errext.WithExitCodeIfNone(err, exitcodes.ScriptException)
	}
	if len(r.files) == 0 {
		return errext.WithExitCodeIfNone(errors.New(r.nothing()), exitcodes.ScriptException)
	}
	if err := results.Write(folder, r.files...); err != nil {
		return invalid(fmt.Errorf("--output: %w", err))
	}
	_, err = io.WriteString(gs.Stdout, r.report())
	return err
}

// emptyFolder is where the files go, and that nobody's are there.
func emptyFolder(gs *state.GlobalState, name string) (string, error) {
	path, err := inWorkingDirectory(gs, name)
	if err != nil {
		return "", err
	}
	if err := folderName(name, path); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("--output: %s cannot be read; give a folder's name", text.Quote(name))
	}
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".sql") {
			return "", fmt.Errorf("--output: %s holds %s; give another folder, so that no file that was filled in is lost", text.Quote(name), text.Quote(entry.Name()))
		}
	}
	if err := results.Try(path); err != nil {
		return "", fmt.Errorf("--output: %w", err)
	}
	return path, nil
}

// statementMix is what was counted, and the files that come of it.
type statementMix struct {
	out        io.Writer
	statements *monitor.Statements
	named      string // the folder, as the user named it
	asked      time.Duration
	took       time.Duration
	files      []results.File
	recorded   []recordedStatement
	kinds      map[string]int64 // calls that were left out, by why
	total      int64
	notes      []string
}

type recordedStatement struct {
	monitor.StatementCalls
	file string
}

// record counts until the duration is over or ctx ends, and makes the files.
func (r *statementMix) record(ctx, after context.Context) error {
	before, err := r.statements.Read(ctx, false)
	if err != nil {
		return err
	}
	began := time.Now()
	for pause(ctx, min(progressEvery, r.asked-time.Since(began))) {
		r.took = time.Since(began)
		if r.took >= r.asked {
			break
		}
		now, err := r.statements.Read(ctx, false)
		if err != nil {
			if stopped(ctx) {
				break
			}
			return err
		}
		calls := int64(0)
		changed := difference(before, now)
		for _, s := range changed {
			calls += s.Calls
		}
		if _, err := fmt.Fprintf(r.out, "%s of %s: %s of %s\n", text.Length(r.took.Round(time.Second)), text.Length(r.asked),
			text.Counted(calls, "call"), text.Counted(len(changed), "statement")); err != nil {
			return err
		}
	}
	r.took = time.Since(began)
	if stopped(ctx) && r.statements.Closed() {
		return errors.New("stopped while reading pg_stat_statements: nothing was written")
	}
	now, err := r.statements.Read(after, true)
	if err != nil {
		return err
	}
	return r.make(after, difference(before, now))
}

// difference is what was called, the most called first. Counts that went back
// were reset, and count from zero.
func difference(before, now map[int64]monitor.StatementCalls) []monitor.StatementCalls {
	var called []monitor.StatementCalls
	for id, s := range now {
		if from := before[id]; from.Calls <= s.Calls {
			s.Calls -= from.Calls
			s.Time = max(0, s.Time-from.Time)
		}
		if s.Calls > 0 {
			called = append(called, s)
		}
	}
	slices.SortFunc(called, func(a, b monitor.StatementCalls) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.ID, b.ID))
	})
	return called
}

// make writes a file for each statement that can be replayed.
func (r *statementMix) make(ctx context.Context, called []monitor.StatementCalls) error {
	names := map[string]int{}
	for _, s := range called {
		script, err := workload.NewTemplate(s.Text)
		var kind *workload.UnreplayableError
		switch {
		case errors.As(err, &kind) && kind.Kind == "monitoring":
			continue // this command's own among them
		case errors.As(err, &kind):
			r.kinds[kind.Kind] += s.Calls
			continue
		case err != nil:
			return err
		case len(r.files) == mostFiles:
			r.kinds[fmt.Sprintf("statements beyond the %d most called", mostFiles)] += s.Calls
			continue
		}
		types, err := r.statements.ParameterTypes(ctx, script.SQL)
		if err != nil {
			if r.statements.Closed() {
				return err
			}
			r.kinds["statements that the server cannot parse again"] += s.Calls
			r.notes = append(r.notes, fmt.Sprintf("%s: %s", text.Line(script.SQL), text.Line(err.Error())))
			continue
		}
		names[script.Name]++
		file := script.Name
		if n := names[script.Name]; n > 1 {
			file = fmt.Sprintf("%s_%d", file, n)
		}
		file += ".sql"
		seconds := r.took.Seconds()
		comment := fmt.Sprintf("recorded from pg_stat_statements: %s in %s, %s each", text.Counted(s.Calls, "call"), text.Seconds(seconds),
			text.Millis(s.Time/float64(s.Calls)))
		r.files = append(r.files, results.File{Name: file, Content: []byte(script.Text([]string{comment}, types))})
		r.recorded = append(r.recorded, recordedStatement{s, file})
		r.total += s.Calls
	}
	return nil
}

// nothing says why there is no file.
func (r *statementMix) nothing() string {
	said := fmt.Sprintf("role %s called no statement that can be replayed in database %s in %s", r.statements.Role, r.statements.Database, text.Seconds(r.took.Seconds()))
	if out := r.leftOut(); out != "" {
		said += " (left out: " + out + ")"
	}
	return said + ": record while the application works, or give its role with --role"
}

func (r *statementMix) leftOut() string {
	kinds := slices.SortedFunc(maps.Keys(r.kinds), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.kinds[b], r.kinds[a]), cmp.Compare(a, b))
	})
	for i, kind := range kinds {
		kinds[i] = fmt.Sprintf("%s of %s", text.Counted(r.kinds[kind], "call"), kind)
	}
	return strings.Join(kinds, ", ")
}

func (r *statementMix) report() string {
	var b strings.Builder
	seconds := r.took.Seconds()
	fmt.Fprintf(&b, "\n%s of %s by role %s in database %s in %s, %s\n", text.Counted(r.total, "call"), text.Counted(len(r.files), "statement"),
		text.Line(r.statements.Role), text.Line(r.statements.Database), text.Seconds(seconds), text.PerSecond.Format(float64(r.total)/seconds))
	t := text.Table{Columns: append(text.Words("File"), text.Numbers("Calls", "Share", "Mean")...)}
	for _, s := range r.recorded {
		t.Rows = append(t.Rows, []string{s.file, fmt.Sprint(s.Calls), text.Share.Format(float64(s.Calls) / float64(r.total)), text.Millis(s.Time / float64(s.Calls))})
	}
	b.WriteString(t.Text(text.Layout{}))
	if out := r.leftOut(); out != "" {
		fmt.Fprintf(&b, "Left out: %s\n", out)
	}
	for _, note := range r.notes {
		fmt.Fprintf(&b, "  %s\n", note)
	}
	fmt.Fprintf(&b, "\nFill in each ? in %s, then:\n  k6 run -e WORKLOAD=%s scripts/100users.js\n", text.Line(r.named), r.specification())
	return b.String()
}

// specification is the WORKLOAD, with weights as small as they can be.
func (r *statementMix) specification() string {
	common := new(big.Int)
	for _, s := range r.recorded {
		common.GCD(nil, nil, common, big.NewInt(s.Calls))
	}
	divisor := common.Int64()
	const largest = 1_000_000 // weight
	scale := max(1, float64(r.recorded[0].Calls/divisor)/largest)
	parts := make([]string, len(r.recorded))
	for i, s := range r.recorded {
		parts[i] = fmt.Sprintf("%s@%d", filepath.ToSlash(filepath.Join(r.named, s.file)), max(1, int64(float64(s.Calls/divisor)/scale)))
	}
	return strings.Join(parts, ",")
}
