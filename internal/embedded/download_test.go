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
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// repository is a Maven repository on loopback as the embedded-postgres library expects it.
type repository struct {
	url       string
	jar       []byte
	checksum  string
	downloads atomic.Int32
	before    func() // called before a jar is served
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

	checksum := sha256.Sum256(jar.Bytes())
	r := &repository{jar: jar.Bytes(), checksum: hex.EncodeToString(checksum[:]), before: func() {}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *repository) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	switch path := request.URL.Path; {
	case strings.HasSuffix(path, ".jar"):
		r.downloads.Add(1)
		r.before()
		_, _ = w.Write(r.jar)
	case strings.HasSuffix(path, ".jar.sha256"):
		_, _ = w.Write([]byte(r.checksum))
	default:
		http.NotFound(w, request)
	}
}

func TestADownloadedServerRunsAndIsKept(t *testing.T) {
	repository := newRepository(t)
	cache := openDir(t)
	var lines []string
	cfg := embedded.Config{
		CacheDir:      cache,
		RepositoryURL: repository.url,
		Notify:        func(line string) { lines = append(lines, line) },
	}
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
}

func TestAnotherProcessMayDownloadFirst(t *testing.T) {
	repository := newRepository(t)
	theirs, ours := openDir(t), openDir(t)
	start := func(cache string) {
		server, err := embedded.StartLooking(t.Context(), embedded.Config{CacheDir: cache, RepositoryURL: repository.url})
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
	damaged := newRepository(t)
	damaged.checksum = strings.Repeat("0", 64)
	for name, test := range map[string]struct{ url, reason string }{
		"no such version": {notFound(t), "no version found"},
		"unreachable":     {"http://127.0.0.1:1", "unable to connect"},
		"damaged":         {damaged.url, "checksums do not match"},
	} {
		t.Run(name, func(t *testing.T) {
			cache := openDir(t)
			_, err := embedded.StartLooking(t.Context(), embedded.Config{CacheDir: cache, RepositoryURL: test.url})
			var missing *embedded.NotFoundError
			require.ErrorAs(t, err, &missing)
			for _, way := range []string{"install a package", "set DATABASE_URL", "set PG_BIN", test.reason} {
				require.ErrorContains(t, err, way)
			}
			require.NotContains(t, err.Error(), "\n")
			requireNoPartialDownload(t, cache)
		})
	}
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
	_, err := embedded.StartLooking(t.Context(), embedded.Config{CacheDir: openDir(t), RepositoryURL: repository.url})
	require.ErrorContains(t, err, "PG_BIN")
	require.Zero(t, repository.downloads.Load())
}

func TestACancelledDownloadIsAbandoned(t *testing.T) {
	repository := newRepository(t)
	cache := openDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	released := make(chan struct{})
	repository.before = func() {
		cancel()
		<-released
	}
	_, err := embedded.StartLooking(ctx, embedded.Config{CacheDir: cache, RepositoryURL: repository.url})
	require.ErrorIs(t, err, context.Canceled)
	close(released)
	require.Eventually(t, func() bool { return len(partialDownloads(t, cache)) == 0 }, patience, glance)
}

func TestALongDownloadShowsProgress(t *testing.T) {
	repository := newRepository(t)
	progress := make(chan struct{})
	repository.before = func() { <-progress }
	shown := sync.OnceFunc(func() { close(progress) })
	server, err := embedded.StartLooking(t.Context(), embedded.Config{
		CacheDir:      openDir(t),
		RepositoryURL: repository.url,
		Notify: func(line string) {
			if strings.Contains(line, "download PostgreSQL") && strings.HasSuffix(line, "s so far") {
				shown()
			}
		},
	})
	require.NoError(t, err)
	require.NoError(t, server.Stop())
}

func partialDownloads(t *testing.T, cache string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(cache, "download-*"))
	require.NoError(t, err)
	return found
}

func requireNoPartialDownload(t *testing.T, cache string) {
	t.Helper()
	require.Empty(t, partialDownloads(t, cache))
	_, err := os.Stat(cache)
	require.NoError(t, err)
}
