//go:build unix

package rerun

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program is a k6 that does what a shell is told.
func program(t *testing.T, shell string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "k6")
	require.NoError(t, os.WriteFile(file, []byte("#!/bin/sh\n"+shell+"\n"), 0o700)) // #nosec G306 -- a program
	return file
}

func reruns(t *testing.T, limit time.Duration) *Reruns {
	t.Helper()
	r, err := New(Test{Script: "load.js", Limit: limit, Patience: 200 * time.Millisecond, Environment: map[string]string{
		"PATH": os.Getenv("PATH"), "SUMMARY": "../compare/testdata/schema1.json", "DIR": t.TempDir(),
	}})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, r.Close())
		require.NoDirExists(t, r.folder)
	})
	return r
}

func TestRunReadsTheSummary(t *testing.T) {
	k6 := program(t, `[ "$*" = "run --quiet load.js" ] && mkdir "$OUT" && cp "$SUMMARY" "$OUT/summary.json"; exit 99`)
	r := reruns(t, time.Minute)
	for range 2 {
		run, err := r.Run(t.Context(), k6)
		require.NoError(t, err)
		require.Equal(t, "100users", run.Run.Script)
	}
	_, err := r.Run(t.Context(), program(t, "echo no server; exit 107"))
	require.EqualError(t, err, "exit status 107: no server")
	_, err = r.Run(t.Context(), program(t, "exit 0"))
	require.EqualError(t, err, "load.js wrote no summary.json; give the script that made the result")
	_, err = r.Run(t.Context(), filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Neither a run that hangs nor a child of it is left.
func TestRunStopsWhatHangs(t *testing.T) {
	k6 := program(t, `trap "" TERM; sh -c 'trap "" TERM; while :; do sleep 0.1; done' & echo $$ $! >"$DIR/pids"; wait; wait`)
	for name, c := range map[string]struct {
		limit time.Duration
		stops bool
		want  string
	}{
		"at its limit":  {time.Second, false, "it had not ended after 1s"},
		"when canceled": {time.Minute, true, context.Canceled.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := reruns(t, c.limit)
			pids := filepath.Join(r.test.Environment["DIR"], "pids")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.stops {
				go func() {
					for {
						if text, err := os.ReadFile(pids); err == nil && len(text) > 0 {
							cancel()
							return
						}
						time.Sleep(10 * time.Millisecond)
					}
				}()
			}
			_, err := r.Run(ctx, k6)
			require.EqualError(t, err, c.want)
			text, err := os.ReadFile(pids)
			require.NoError(t, err)
			for _, pid := range strings.Fields(string(text)) {
				n, err := strconv.Atoi(pid)
				require.NoError(t, err)
				require.Eventually(t, func() bool { return errors.Is(syscall.Kill(n, 0), syscall.ESRCH) || zombie(pid) },
					10*time.Second, 20*time.Millisecond)
			}
		})
	}
}

// zombie tells whether a process has ended and nobody has asked how.
func zombie(pid string) bool {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "stat")) // #nosec G304 -- of a number
	return err == nil && strings.Contains(string(text), ") Z ")
}
