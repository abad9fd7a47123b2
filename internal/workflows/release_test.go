//go:build unix

package workflows

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
)

// release is the part of .goreleaser.yaml that the tests look at.
type release struct {
	Version int
	Builds  []struct {
		ID     string `yaml:"id"`
		Main   string
		Goos   []string
		Goarch []string
		Env    []string
	}
	Archives []struct{ Files []string }
	Checksum struct{ Algorithm string }
	Sboms    []struct{ Artifacts string }
}

func readRelease(t *testing.T) release {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(k6test.Root(t), ".goreleaser.yaml"))
	require.NoError(t, err)
	var r release
	require.NoError(t, yaml.Unmarshal(text, &r))
	return r
}

func TestReleaseHasEveryPlatform(t *testing.T) {
	r := readRelease(t)
	require.Equal(t, 2, r.Version)
	require.Len(t, r.Builds, 1)
	build := r.Builds[0]
	require.DirExists(t, filepath.Join(k6test.Root(t), build.Main))
	require.ElementsMatch(t, []string{"linux", "darwin", "windows"}, build.Goos)
	require.ElementsMatch(t, []string{"amd64", "arm64"}, build.Goarch)
	require.Contains(t, build.Env, "CGO_ENABLED=0", "a C compiler for each of them is nowhere")
	require.Equal(t, "sha256", r.Checksum.Algorithm)
	require.Equal(t, "archive", r.Sboms[0].Artifacts)
}

// Every pattern finds something, and together they hold what the scenarios read.
func TestReleaseHoldsTheScenarios(t *testing.T) {
	held := map[string]bool{}
	for _, pattern := range readRelease(t).Archives[0].Files {
		found := filesOf(t, k6test.Root(t), pattern)
		require.NotEmpty(t, found, pattern)
		for _, name := range found {
			held[name] = true
		}
	}
	require.True(t, held["scripts/100users.js"])
	require.True(t, held["scripts/lib/seed.sql"])
	require.True(t, held["thresholds/criteria.js"])
	require.True(t, held[".dashboard.json"], "k6 looks for it where it starts")
	require.True(t, held["LICENSE"])
}

// filesOf are those of a pattern, which may end with /** for all below.
func filesOf(t *testing.T, root, pattern string) []string {
	t.Helper()
	require.NotContains(t, pattern, "/**/", "goreleaser takes it for at least one directory between")
	dir, below := strings.CutSuffix(pattern, "/**")
	if !below {
		found, err := fs.Glob(os.DirFS(root), pattern)
		require.NoError(t, err)
		return found
	}
	var found []string
	require.NoError(t, fs.WalkDir(os.DirFS(root), dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			found = append(found, name)
		}
		return err
	}))
	return found
}

// The workflow tries the binary where the build puts it.
func TestReleaseTriesItsBinary(t *testing.T) {
	r := readRelease(t)
	binary := fmt.Sprintf("dist/%s_linux_amd64_v1/k6", r.Builds[0].ID)
	step := readWorkflow(t, "release.yml").Jobs["binaries"].step(t, "The binary for this machine runs")
	require.True(t, strings.HasPrefix(step.Run, binary+" version"), step.Run)
}

// docs/nightly.md names the image without a tag, which is latest.
func TestReleasePushesLatestUnlessACandidate(t *testing.T) {
	w := readWorkflow(t, "release.yml")
	image := w.Jobs["image"]
	for tag, latest := range map[string]bool{"v1.2.3": true, "v1.2.3-rc.1": false} {
		engine := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(engine, "docker"), []byte("#!/bin/sh\necho \"$*\"\n"), 0o700))
		r := runner{dir: t.TempDir(), shell: w.Defaults.Run.Shell, env: image.Env,
			process: map[string]string{"PATH": engine + ":" + os.Getenv("PATH"), "GITHUB_REF_NAME": tag}}
		got := r.run(t, image.step(t, "Push for both architectures, with a bill of materials"))
		require.Zero(t, got.code, got.output)
		require.Contains(t, got.output, "--push --tag flowboard/xk6-pgxpool:"+tag+" ")
		require.Equal(t, latest, strings.Contains(got.output, "--tag flowboard/xk6-pgxpool:latest "), got.output)
		require.True(t, strings.HasSuffix(strings.TrimSpace(got.output), " ."), got.output)
	}
}

// The check of the image, with an engine that plays the image: it has to fail
// where the image is too large, is run by root or lacks the extension.
func TestReleaseChecksTheImage(t *testing.T) {
	w := readWorkflow(t, "release.yml")
	image := w.Jobs["image"]
	check := image.step(t, "It runs, not as root, and is small")
	for name, c := range map[string]struct {
		version, user, size string
		holds               bool
	}{
		"good":         {"k6/x/pgxpool [js]", "65534", "64000000", true},
		"too large":    {"k6/x/pgxpool [js]", "65534", "100000001", false},
		"root":         {"k6/x/pgxpool [js]", "0", "64000000", false},
		"no extension": {"k6 v2.2.0", "65534", "64000000", false},
	} {
		engine := t.TempDir()
		text := fmt.Sprintf("#!/bin/sh\ncase \"$*\" in\n*version) echo '%s';;\n*-u) echo %s;;\n*Size*) echo %s;;\nesac\n",
			c.version, c.user, c.size)
		require.NoError(t, os.WriteFile(filepath.Join(engine, "docker"), []byte(text), 0o700))
		r := runner{dir: t.TempDir(), shell: w.Defaults.Run.Shell, env: image.Env,
			process: map[string]string{"PATH": engine + ":" + os.Getenv("PATH")}}
		got := r.run(t, check)
		require.Equal(t, c.holds, got.code == 0, "%s: %s", name, got.output)
	}
}
