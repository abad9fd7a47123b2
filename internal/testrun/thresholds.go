package testrun

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"sync"

	"go.k6.io/k6/v2/js/common"
	"go.k6.io/k6/v2/lib/fsext"

	"github.com/flowboard/xk6-pgxpool/internal/results"
)

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
			t.logger.Warn("k6 will exit with 0 whatever the verdict: options.thresholds has not what pgxpool.thresholds() gives")
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
