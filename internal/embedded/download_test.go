package embedded_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// repository is a Maven repository on loopback with one archive.
type repository struct {
	url       string
	jar       []byte
	digest    string
	downloads atomic.Int32
	before    func() // called before the archive is served
}

func (r *repository) config(cache string) embedded.Config {
	return embedded.DownloadedFrom(r.url, r.digest, cache)
}

// newRepository serves an archive whose programs are this machine's.
func newRepository(t *testing.T) *repository {
	t.Helper()
	binDir := pgtest.Server(t, embedded.Config{}).BinDir()
	files := map[string]string{}
	for _, name := range []string{"initdb", "pg_ctl", "postgres"} {
		files["bin/"+name] = "#!/bin/sh\nexec '" + filepath.Join(binDir, name) + "' \"$@\"\n"
	}
	var jar bytes.Buffer
	archive := zip.NewWriter(&jar)
	entry, err := archive.Create("postgres-test.txz")
	require.NoError(t, err)
	_, err = entry.Write(xzStored(tarOf(t, files)))
	require.NoError(t, err)
	require.NoError(t, archive.Close())

	digest := sha256.Sum256(jar.Bytes())
	r := &repository{jar: jar.Bytes(), digest: hex.EncodeToString(digest[:]), before: func() {}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *repository) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	platform, _ := embedded.DownloadPlatform(runtime.GOOS, runtime.GOARCH)
	name := "embedded-postgres-binaries-" + platform
	if path := "/io/zonky/test/postgres/" + name + "/16.15.0/" + name + "-16.15.0.jar"; request.URL.Path != path {
		http.NotFound(w, request)
		return
	}
	r.downloads.Add(1)
	r.before()
	_, _ = w.Write(r.jar)
}

func TestADownloadedServerRunsAndIsKept(t *testing.T) {
	repository := newRepository(t)
	cache := openDir(t)
	var lines []string
	cfg := repository.config(cache)
	cfg.Notify = func(line string) { lines = append(lines, line) }
	for range 2 {
		server, err := embedded.StartLooking(t.Context(), cfg)
		require.NoError(t, err)
		require.Contains(t, server.BinDir(), cache)
		require.NoError(t, pgtest.Conn(t, server.URL()).Ping(t.Context()))
		require.NoError(t, server.Stop())
	}
	require.EqualValues(t, 1, repository.downloads.Load(), "the second start takes the first one's")
	require.Contains(t, lines[0], "no PostgreSQL is installed, downloading PostgreSQL")
	requireNoPartialDownload(t, cache)
	requireUnpackedInside(t, downloadIn(t, cache))
}

func requireUnpackedInside(t *testing.T, home string) {
	t.Helper()
	require.FileExists(t, home+"/lib/link", "a link to a program")
	require.FileExists(t, home+"/outside", "a name that leads outside is one inside")
	require.NoFileExists(t, home+"/../outside")
	require.NoFileExists(t, home+"/../../outside")
}

func TestAnotherProcessMayDownloadFirst(t *testing.T) {
	repository := newRepository(t)
	theirs, ours := openDir(t), openDir(t)
	start := func(cache string) {
		server, err := embedded.StartLooking(t.Context(), repository.config(cache))
		require.NoError(t, err)
		require.NoError(t, server.Stop())
	}
	start(theirs)
	finished := downloadIn(t, theirs)
	var moved error
	repository.before = func() { moved = os.Rename(finished, filepath.Join(ours, filepath.Base(finished))) }
	start(ours)
	require.NoError(t, moved)
	requireNoPartialDownload(t, ours)
}

func downloadIn(t *testing.T, cache string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(cache, "postgresql-*"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

func TestThreeWaysOutWithoutAServer(t *testing.T) {
	good := newRepository(t)
	pinned := func(cache string) embedded.Config { return embedded.DownloadedFrom(good.url, "", cache) }
	empty := newRepository(t)
	empty.jar = []byte("no archive")
	empty.digest = "54bff3bc1a66eaeb54e6e21f71a2d0dbcd5a3bc49a01e9d1ac2bd9d2ceb2e8a0"
	for name, test := range map[string]struct {
		config func(cache string) embedded.Config
		reason string
	}{
		"no such version":             {func(cache string) embedded.Config { return embedded.DownloadedFrom(notFound(t), "", cache) }, "HTTP 404"},
		"unreachable":                 {func(cache string) embedded.Config { return embedded.DownloadedFrom("http://127.0.0.1:1", "", cache) }, "connection refused"},
		"not the pinned one":          {pinned, "has the SHA-256 " + good.digest + "; expected "},
		"another digest than it says": {empty.config, "expected " + empty.digest},
	} {
		t.Run(name, func(t *testing.T) {
			cache := openDir(t)
			_, err := embedded.StartLooking(t.Context(), test.config(cache))
			for _, way := range []string{"install a package", "set DATABASE_URL", "set PG_BIN", test.reason} {
				require.ErrorContains(t, err, way)
			}
			require.NotContains(t, err.Error(), "\n")
			requireNothingKept(t, cache)
		})
	}
}

func TestOnlyPlatformsWithAKnownDigestAreDownloaded(t *testing.T) {
	for _, platform := range []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"} {
		system, architecture, _ := strings.Cut(platform, "/")
		_, err := embedded.DownloadPlatform(system, architecture)
		require.NoError(t, err)
	}
	_, err := embedded.DownloadPlatform("linux", "riscv64")
	require.ErrorContains(t, err, "no download whose digest is known for linux on riscv64")
}

func notFound(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	return server.URL
}

func TestAWrongFolderIsNotDownloadedFor(t *testing.T) {
	repository := newRepository(t)
	t.Setenv("PG_BIN", "/nonexistent")
	_, err := embedded.StartLooking(t.Context(), repository.config(openDir(t)))
	require.ErrorContains(t, err, "PG_BIN")
	require.Zero(t, repository.downloads.Load())
}

func TestACanceledDownloadEnds(t *testing.T) {
	repository := newRepository(t)
	cache := openDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	released := make(chan struct{})
	repository.before = func() {
		cancel()
		<-released
	}
	_, err := embedded.StartLooking(ctx, repository.config(cache))
	require.ErrorIs(t, err, context.Canceled)
	close(released)
	requireNothingKept(t, cache)
}

func TestALongDownloadShowsProgress(t *testing.T) {
	repository := newRepository(t)
	progress := make(chan struct{})
	repository.before = func() { <-progress }
	shown := sync.OnceFunc(func() { close(progress) })
	cfg := repository.config(openDir(t))
	cfg.Notify = func(line string) {
		if strings.Contains(line, "download PostgreSQL") && strings.HasSuffix(line, "s so far") {
			shown()
		}
	}
	server, err := embedded.StartLooking(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, server.Stop())
}

func partialDownloads(t *testing.T, cache string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(cache, "download-*"))
	require.NoError(t, err)
	return found
}

// requireNothingKept makes sure that nothing was unpacked, let alone kept for the next start.
func requireNothingKept(t *testing.T, cache string) {
	t.Helper()
	entries, err := os.ReadDir(cache)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func requireNoPartialDownload(t *testing.T, cache string) {
	t.Helper()
	require.Empty(t, partialDownloads(t, cache))
	_, err := os.Stat(cache)
	require.NoError(t, err)
}
