package testrun

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"

	"go.k6.io/k6/v2/js/common"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/lib/fsext"

	"github.com/flowboard/xk6-pgxpool/internal/results"
)

// resultsFolder is where the run's results go. It is tried before any load, and
// again while k6 still judges thresholds: what fails after that cannot change
// k6's exit code.
type resultsFolder struct {
	judged atomic.Bool               // the script asks for a verdict
	state  atomic.Pointer[lib.State] // of whoever tried it first

	once sync.Once
	err  error
}

// Judged says that the script asks for a verdict: its users do not run where the
// results could not be written.
func (t *Run) Judged() { t.results.judged.Store(true) }

// ResultsFolder is where the results go.
func (t *Run) ResultsFolder() string {
	if t.lookup == nil {
		return results.DefaultFolder
	}
	return results.Folder(t.lookup)
}

// BeginResults makes room for this run's results, once.
func (t *Run) BeginResults() error {
	t.results.once.Do(func() { t.results.err = results.Begin(t.ResultsFolder()) })
	return t.results.err
}

// Ready is for calls from VU code. Where the script asks for a verdict it fails
// if the results cannot be written.
func (t *Run) Ready(u *VU) error {
	t.Follow(u)
	t.unjudged.warn(t, u)
	if !t.results.judged.Load() {
		return nil
	}
	if t.results.state.Load() == nil { // each call comes here, from every processor
		t.results.state.CompareAndSwap(nil, u.State())
	}
	return t.BeginResults()
}

// pushResults lets a threshold fail where the results cannot be written now.
func (t *Run) pushResults() {
	state := t.results.state.Load()
	if state == nil || t.results.err != nil {
		return
	}
	if err := results.Try(t.ResultsFolder()); err != nil {
		t.logger.Error(err.Error())
		t.pushValue(state, t.metrics.resultsLost, 1)
	}
}

// unjudged warns, before the load, of a script that asks for a verdict and has
// no thresholds of it: k6 fails at the end only through thresholds.
type unjudged struct {
	once    sync.Once
	scripts []fsext.Fs // that k6 has loaded
}

// keep notes where the scripts are; that is known in the init context only.
func (u *unjudged) keep(env *common.InitEnvironment) {
	for _, system := range env.FileSystems {
		if cached, ok := system.(fsext.CacheLayerGetter); ok {
			u.scripts = append(u.scripts, cached.GetCachingFs())
		}
	}
}

// warn runs with the first call from VU code.
func (u *unjudged) warn(t *Run, vu *VU) {
	u.once.Do(func() {
		_, judged := vu.State().Options.Thresholds[results.Threshold]
		if !judged && u.asksForAVerdict() {
			t.logger.Warn("k6 will exit with 0 whatever the verdict is: options.thresholds does not have what pgxpool.thresholds() gives")
		}
	})
}

var asking = regexp.MustCompile(`\bpgxpool\.verdict\(|\bhandleSummary\s*=\s*pgxpool\.verdict\b`)

func (u *unjudged) asksForAVerdict() (asks bool) {
	for _, system := range u.scripts {
		_ = fsext.Walk(system, string(filepath.Separator), func(name string, info fs.FileInfo, err error) error {
			if err == nil && !info.IsDir() {
				source, err := fsext.ReadFile(system, name)
				asks = asks || err == nil && asking.Match(source)
			}
			return nil
		})
	}
	return asks
}
