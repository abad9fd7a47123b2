//go:build unix

package workflows

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
)

// instruction is one of a Dockerfile, its continued lines joined.
type instruction struct{ name, arguments string }

func readDockerfile(t *testing.T) []instruction {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(k6test.Root(t), "deploy", "Dockerfile"))
	require.NoError(t, err)
	comments := regexp.MustCompile(`(?m)^#.*\n`)
	joined := strings.ReplaceAll(comments.ReplaceAllString(string(text), ""), "\\\n", " ")
	var all []instruction
	for line := range strings.Lines(joined) {
		if name, arguments, found := strings.Cut(strings.TrimSpace(line), " "); found {
			all = append(all, instruction{name, strings.TrimSpace(arguments)})
		}
	}
	return all
}

// stages are what is between two FROM, FROM included.
func stages(all []instruction) [][]instruction {
	var parts [][]instruction
	for _, i := range all {
		if i.name == "FROM" {
			parts = append(parts, nil)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], i)
	}
	return parts
}

// flags are an instruction's --name=value, which are not its arguments.
var flags = regexp.MustCompile(`--(mount|chown|platform|from)=\S+ *`)

func (i instruction) plain() string { return flags.ReplaceAllString(i.arguments, "") }

func TestImageIsBuiltWithTheGoOfGoMod(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.GoVersion}}").Output()
	require.NoError(t, err)
	version := regexp.MustCompile(`^\d+\.\d+`).FindString(string(out))
	first := stages(readDockerfile(t))[0][0]
	require.Regexp(t, `^golang:`+regexp.QuoteMeta(version)+`(\.\d+)?@sha256:\S+ AS build$`, first.plain())
}

func TestImageRunsK6AndNotAsRoot(t *testing.T) {
	parts := stages(readDockerfile(t))
	last := parts[len(parts)-1]
	user := slices.IndexFunc(last, func(i instruction) bool { return i.name == "USER" })
	require.Positive(t, user, "the last stage has a user")
	require.Regexp(t, `^[1-9]\d*:[1-9]\d*$`, last[user].arguments)
	require.Equal(t, instruction{"ENTRYPOINT", `["k6"]`}, last[len(last)-1])
	for _, i := range last {
		require.NotEqual(t, "RUN", i.name, "another architecture's programs do not run here")
		require.NotContains(t, i.arguments, "DATABASE_URL", "an image holds no credentials")
	}
	copied := 0
	for _, i := range last {
		if i.name == "COPY" {
			require.Contains(t, i.arguments, "--from=build ", "nothing but what was built")
			copied++
		}
	}
	require.Equal(t, 2, copied)
}

// The build stage, command by command, in what the image's context would be.
// The compiler itself is not run (-n): the release workflow does that.
func TestImageBuildStageWorks(t *testing.T) {
	root, context := k6test.Root(t), t.TempDir()
	layOut(t, root, context)
	home := t.TempDir()
	for _, i := range stages(readDockerfile(t))[0] {
		switch i.name {
		case "COPY":
			words := strings.Fields(i.plain())
			for _, source := range words[:len(words)-1] {
				_, err := os.Stat(filepath.Join(context, source))
				require.NoError(t, err, "COPY %s", i.arguments)
			}
		case "RUN":
			command := i.plain()
			if command == "go mod download" {
				continue // what it brings lies in the module cache of whoever runs this test
			}
			command = strings.ReplaceAll(command, "/out/k6", filepath.Join(home, "k6"))
			command = strings.ReplaceAll(command, "/home-of-k6", filepath.Join(home, "home-of-k6"))
			cmd := exec.CommandContext(t.Context(), "sh", "-ec", command)
			cmd.Dir = context
			cmd.Env = append(os.Environ(), "TARGETOS=linux", "TARGETARCH="+runtime.GOARCH)
			if strings.Contains(command, "go build") {
				cmd.Env = append(cmd.Env, "GOFLAGS=-n")
			}
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s: %.2000s", command, out)
			if strings.Contains(command, "go build") {
				require.Contains(t, string(out), filepath.Join(home, "k6"), "the build gets as far as its result")
			}
		}
	}
	require.FileExists(t, filepath.Join(home, "home-of-k6", ".dashboard.json"), "k6 looks for it where it starts")
	// What the image holds is enough to run every scenario.
	scripts, err := filepath.Glob(filepath.Join(home, "home-of-k6", "scripts", "*.js"))
	require.NoError(t, err)
	require.NotEmpty(t, scripts)
	for _, script := range scripts {
		r := k6test.K6(t, k6test.Run{Args: []string{"inspect", script}, Dir: filepath.Join(home, "home-of-k6"),
			Env: map[string]string{"DATABASE_URL": "postgres://127.0.0.1/none"}})
		require.Zero(t, r.Code, r.Output())
	}
}

// ignoredByEngine tells what Dockerfile.dockerignore leaves out.
func ignoredByEngine(t *testing.T, root string) func(name string) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy", "Dockerfile.dockerignore"))
	require.NoError(t, err)
	return func(name string) bool {
		parts := strings.Split(name, "/")
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			if anywhere, ok := strings.CutPrefix(line, "**/"); ok && slices.Contains(parts, anywhere) || line == parts[0] {
				return true
			}
		}
		return false
	}
}

// Go calls a build dirty where the work tree lacks a file of the commit, and
// that would be the version in every report.
func TestImageIsBuiltFromTheWholeCommit(t *testing.T) {
	root := k6test.Root(t)
	ignored := ignoredByEngine(t, root)
	require.False(t, ignored(".git"))
	cmd := exec.CommandContext(t.Context(), "git", "ls-files")
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err)
	for name := range strings.Lines(string(out)) {
		require.False(t, ignored(strings.TrimSpace(name)), name)
	}
}

// layOut copies what git knows and Dockerfile.dockerignore leaves.
func layOut(t *testing.T, root, dir string) {
	t.Helper()
	ignored := ignoredByEngine(t, root)
	require.True(t, ignored("k6"))
	require.False(t, ignored("cmd/k6/main.go"))
	require.True(t, ignored("internal/typecheck/node_modules/typescript/package.json"))
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err)
	for _, name := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		if ignored(name) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // removed and not committed yet
		}
		require.NoError(t, err)
		target := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o700))
		require.NoError(t, os.WriteFile(target, content, 0o600))
	}
}
