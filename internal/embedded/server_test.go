package embedded_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestStartAndStop(t *testing.T) {
	dir := openDir(t)
	var lines []string
	server, err := embedded.Start(t.Context(), embedded.Config{Notify: func(line string) { lines = append(lines, line) }})
	require.NoError(t, err)
	conn := pgtest.Conn(t, server.URL())

	require.Contains(t, lines[0], "starting a temporary PostgreSQL "+server.Version())
	require.Contains(t, scalar(t, conn, "SHOW server_version"), server.Version())
	require.Equal(t, "UTF8", scalar(t, conn, "SHOW server_encoding"))
	require.Equal(t, "C", scalar(t, conn, "SELECT datcollate FROM pg_database WHERE datname = current_database()"))
	require.Equal(t, server.DataDir(), scalar(t, conn, "SHOW data_directory"))
	require.Len(t, processes(t, server.Dir()), 2, "the server and its watchdog")
	require.NoError(t, server.Stop())
	require.Error(t, conn.Ping(t.Context()))
	requireEmpty(t, dir)
}

func TestStopIsSafeToRepeat(t *testing.T) {
	dir := openDir(t)
	server, err := embedded.Start(t.Context(), embedded.Config{})
	require.NoError(t, err)
	errs := make([]error, 4)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = server.Stop() })
	}
	all.Wait()
	require.Equal(t, make([]error, 4), errs)
	require.NoError(t, server.Stop())
	requireEmpty(t, dir)
}

func TestTwoServersAtOnce(t *testing.T) {
	servers := make([]*embedded.Server, 2)
	errs := make([]error, 2)
	var both sync.WaitGroup
	for i := range servers {
		both.Go(func() { servers[i], errs[i] = embedded.Start(t.Context(), embedded.Config{}) })
	}
	both.Wait()
	require.NoError(t, errs[0])
	require.NoError(t, errs[1])
	require.NoError(t, servers[0].Stop())
	require.NoError(t, pgtest.Conn(t, servers[1].URL()).Ping(t.Context()))
	require.NoError(t, servers[1].Stop())
}

func TestInvalidMaxConnectionsAreRefused(t *testing.T) {
	for value, says := range map[int]string{
		-1:     "MaxConnections is -1; accepted: 1 to 10000",
		10_001: "MaxConnections is 10001",
	} {
		_, err := embedded.Start(t.Context(), embedded.Config{MaxConnections: value})
		require.ErrorContains(t, err, says)
	}
}

func TestAFailedStartShowsTheServersReason(t *testing.T) {
	dir := openDir(t)
	_, err := embedded.Start(t.Context(), embedded.Config{Settings: map[string]string{"shared_buffers": "rubbish"}})
	require.ErrorContains(t, err, "start a temporary PostgreSQL ")
	require.Contains(t, err.Error(), `invalid value for parameter "shared_buffers": "rubbish"`)
	require.NotContains(t, err.Error(), "\n")
	requireEmpty(t, dir)
}

// The error names a full disk, even if there is no room for a log.
func TestAFullDiskIsNamed(t *testing.T) {
	for name, says := range map[string]string{
		"with a log":    "echo 'initdb: error: could not write file: No space left on device'",
		"without a log": "",
	} {
		t.Run(name, func(t *testing.T) {
			programs, temp := openDir(t), openDir(t)
			for program, script := range map[string]string{"postgres": "echo postgres 15.1", "initdb": says + "\nexit 1"} {
				require.NoError(t, os.WriteFile(filepath.Join(programs, program), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
			}
			t.Setenv("PG_BIN", programs)
			_, err := embedded.Start(t.Context(), embedded.Config{})
			require.ErrorContains(t, err, "start a temporary PostgreSQL ")
			require.ErrorContains(t, err, "is the disk of "+temp+" full? make room, or set TMPDIR")
			require.NotContains(t, err.Error(), "\n")
			requireEmpty(t, temp)
		})
	}
}

func TestACanceledStartLeavesNothing(t *testing.T) {
	for name, moment := range map[string]string{
		"at once":              "",
		"while initializing":   "/*/data/base",
		"while it is starting": "/*/data/postmaster.opts",
	} {
		t.Run(name, func(t *testing.T) {
			dir := openDir(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			watched := make(chan struct{})
			go func() {
				defer close(watched)
				awaitFile(ctx, dir+moment)
				cancel()
			}()
			server, err := embedded.Start(ctx, embedded.Config{})
			cancel()
			<-watched
			if err == nil { // the last moment may come too late
				require.NotEmpty(t, moment)
				require.NoError(t, server.Stop())
			} else {
				require.ErrorIs(t, err, context.Canceled)
			}
			requireEmpty(t, dir)
		})
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		server, err := embedded.Start(b.Context(), embedded.Config{})
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, server.Stop())
		b.StartTimer()
	}
}
