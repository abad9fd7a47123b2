//go:build unix

package troublestest

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/stretchr/testify/require"
)

const mayGrow = "ncrease DB_POOL_SIZE"

func (tr trouble) judge(t require.TestingT, s seen) {
	if tr.want == "" {
		for _, c := range append(append([]cause{}, s.monitor...), s.load...) {
			require.Equal(t, "possible", c.Confidence, "%s, and a machine that is busy makes an application busy", c.Name)
		}
	} else {
		require.NotEmpty(t, s.load)
		require.Equal(t, tr.want, s.load[0].Name)
		require.Contains(t, strings.Join(s.load[0].Evidence, "\n"), tr.evidence)
		if !tr.onlyLoad {
			require.NotEmpty(t, s.monitor)
			require.Equal(t, tr.want, s.monitor[0].Name)
			require.NotEqual(t, "PASS", s.verdict+ifOf(tr.want == "idle in transaction" || tr.want == "connection churn", " at rest"))
		}
	}
	if tr.breaks {
		require.Equal(t, "FAIL", s.loadVerdict)
	}
	for _, c := range append(append([]cause{}, s.monitor...), s.load...) {
		if tr.want != "pool exhausted" {
			require.NotContains(t, c.Remedy, mayGrow, c.Name)
		}
	}
	if !tr.loose {
		off := 0
		for _, pair := range s.pairs {
			if pair[0] < pair[1]-1 || pair[0] > pair[1]+1 {
				off++
			}
		}
		require.LessOrEqual(t, 10*off, len(s.pairs), "in use and checked out: %v", s.pairs)
	}
}

func ifOf(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}

// recorder notes the first failure instead of reporting it.
type recorder struct{ failed string }

// holds tells whether a check passes.
func (r *recorder) holds(check func(require.TestingT)) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		check(r)
	}()
	<-done
	return r.failed == ""
}

func (r *recorder) Errorf(format string, args ...any) { r.failed = fmt.Sprintf(format, args...) }

func (r *recorder) FailNow() { runtime.Goexit() }
