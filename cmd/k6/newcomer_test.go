//go:build unix

package main_test

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/flowboardtest"
	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// readmeBlock is a block of code in README.md and the heading that it is under.
type readmeBlock struct{ heading, language, text string }

var headingOrFence = regexp.MustCompile("(?ms)^##? ([^\n]+)$|^```(\\w+)\n(.*?)^```$")

func readmeBlocks(t *testing.T) []readmeBlock {
	t.Helper()
	heading := ""
	var all []readmeBlock
	for _, match := range headingOrFence.FindAllStringSubmatch(projectFile(t, "README.md"), -1) {
		if match[1] != "" {
			heading = match[1]
			continue
		}
		all = append(all, readmeBlock{heading, match[2], match[3]})
	}
	return all
}

// block is the only one of its kind under the heading.
func block(t *testing.T, heading, language string) string {
	t.Helper()
	var found []string
	for _, b := range readmeBlocks(t) {
		if b.heading == heading && b.language == language {
			found = append(found, b.text)
		}
	}
	require.Len(t, found, 1, "%s under %q", language, heading)
	return found[0]
}

// newcomer is a person with a fresh clone, a shell and k6 in the PATH.
type newcomer struct {
	dir string
	env map[string]string
}

func newNewcomer(t *testing.T) newcomer {
	t.Helper()
	root, dir, bin := k6test.Root(t), t.TempDir(), t.TempDir()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	names, err := list.Output()
	require.NoError(t, err)
	for name := range strings.SplitSeq(strings.TrimRight(string(names), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // removed and not committed yet
		}
		require.NoError(t, err)
		target := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o700))
		require.NoError(t, os.WriteFile(target, content, 0o600))
	}
	require.NoError(t, os.Symlink(k6test.PlainBinary(t), filepath.Join(bin, "k6")))
	// xk6 and all tests take minutes and have tests of their own: here they only say how they were called.
	for name, script := range map[string]string{
		"xk6": `echo "xk6 $*"`,
		"go":  `if [ "$1" = test ]; then echo "go $*"; else exec "$REAL_GO" "$@"; fi`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	}
	realGo, err := exec.LookPath("go")
	require.NoError(t, err)
	return newcomer{dir: dir, env: map[string]string{
		"PATH": bin + ":" + os.Getenv("PATH"), "HOME": os.Getenv("HOME"), "TMPDIR": os.TempDir(), "REAL_GO": realGo, "NO_COLOR": "1",
		"GOFLAGS": os.Getenv("GOFLAGS"), "GOCACHE": os.Getenv("GOCACHE"), "GOPROXY": os.Getenv("GOPROXY"),
		// A few seconds on a busy machine in place of minutes on a quiet one.
		"CONCURRENT": "5", "DURATION": "3", "THINK": "0.1", "INTERVAL": "1", "WAIVE": k6test.Noisy,
	}}
}

// types runs a block in a shell, with values in place of the README's.
func (n newcomer) types(t *testing.T, text string, replacements ...string) k6test.Result {
	t.Helper()
	for i := 0; i < len(replacements); i += 2 {
		require.Contains(t, text, replacements[i])
	}
	const limit = 3 * time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", strings.NewReplacer(replacements...).Replace(text))
	cmd.Dir = n.dir
	for name, value := range n.env {
		if value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	output, err := cmd.CombinedOutput()
	require.NoError(t, ctx.Err(), "%s: %s", text, output)
	if cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	return k6test.Result{Code: cmd.ProcessState.ExitCode(), Stdout: string(output), Dir: n.dir}
}

var columns = regexp.MustCompile(` {2,}`)

// requireRows makes sure that each row of a printed table in README is in what was really printed.
func requireRows(t *testing.T, sample, printed string) {
	t.Helper()
	rows := 0
	for line := range strings.Lines(sample) {
		cells := columns.Split(strings.TrimSpace(line), -1)
		if !strings.HasPrefix(line, "  ") || len(cells) < 3 {
			continue
		}
		require.Regexp(t, `(?m)^ +`+regexp.QuoteMeta(cells[0])+`( |$)`, printed, "README shows a row that is not printed")
		rows++
	}
	require.Greater(t, rows, 5, sample)
}

func database(t *testing.T, scheme string) string {
	t.Helper()
	_, rest, _ := strings.Cut(pgtest.Database(t), "://")
	return scheme + "://" + rest
}

func TestNewcomerInstallsByTheRecipe(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	got := n.types(t, block(t, "Install", "bash"))
	require.Zero(t, got.Code, got.Output())
	require.Contains(t, projectFile(t, "xk6.yaml"), strings.TrimSpace(strings.Split(got.Output(), "\n")[0]))
}

func TestNewcomerStartsQuickly(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	got := n.types(t, block(t, "Quick start", "bash"))
	require.Zero(t, got.Code, got.Output())
	require.Contains(t, got.Output(), "go test ./...")
	require.Contains(t, got.Output(), "Pool Status: Active=")
	requireRows(t, block(t, "Quick start", "text"), got.Output())
	for _, name := range []string{"report.html", "summary.json", "summary.md", "junit.xml"} {
		require.FileExists(t, filepath.Join(n.dir, "results", name))
	}
}

func TestNewcomerComparesBeforeAndAfter(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	n.env["ROUNDS"], n.env["SETTLE"], n.env["DURATION"], n.env["HOLD"], n.env["WAIVE"] = "1", "0.2", "1", "0.01", ""
	command := regexp.MustCompile("`(k6 run -q scripts/before-after.js)`").FindStringSubmatch(projectFile(t, "README.md"))
	require.NotNil(t, command)
	got := n.types(t, command[1])
	require.Contains(t, []int{0, 99}, got.Code, "one short round says little: %s", got.Output())
	requireRows(t, block(t, "xk6-pgxpool", "text"), got.Output())
}

func TestNewcomerPastesTheScript(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	n.dir = t.TempDir() // without anything of the clone
	script := block(t, "Your own script", "js")
	require.NoError(t, os.WriteFile(filepath.Join(n.dir, "own.js"), []byte(script), 0o600))
	const run = "k6 run --quiet --duration 4s own.js"
	n.env["WAIVE"] = "db_cpu,response_drift,longest_stall,active_connections,overflow_time" // of a busy machine, in four seconds
	for name, url := range map[string]string{"temporary server": "", "own server": database(t, "postgresql+asyncpg")} {
		n.env["DATABASE_URL"] = url
		got := n.types(t, run)
		require.Zero(t, got.Code, "%s: %s", name, got.Output())
		require.NotContains(t, got.Output(), "level=error", name)
		requireRows(t, block(t, "Quick start", "text"), got.Output())
	}
	n.env["DATABASE_URL"] = "postgres://user@127.0.0.1:1/none"
	got := n.types(t, run+" || exit $?")
	require.Equal(t, 107, got.Code, got.Output())
	require.Contains(t, got.Output(), "FAIL: setup failed")
	require.Contains(t, got.Output(), "127.0.0.1:1")
	require.Contains(t, got.Output(), "FAIL")
}

const readmeURL = "://user:password@host/database"

func TestNewcomerUsesADatabase(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	text := block(t, "Your own database", "bash")
	got := n.types(t, text, "postgresql+asyncpg"+readmeURL, database(t, "postgresql+asyncpg"))
	require.Zero(t, got.Code, got.Output())
	require.Contains(t, got.Output(), "PASS")

	got = n.types(t, text, "postgresql+asyncpg"+readmeURL, "postgresql+asyncpg://user:password@127.0.0.1:1/database")
	require.Equal(t, 107, got.Code, got.Output())
	require.NotContains(t, got.Output(), "password@")
}

func TestNewcomerLoadsAnApplication(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	n.env["WAIVE"] += ",active_connections,overflow_time"
	url := database(t, "postgresql")
	app := flowboardtest.Start(t, flowboardtest.Config{DatabaseURL: url})
	text := block(t, "Your own application", "bash")
	got := n.types(t, text, "http://127.0.0.1:8000", app.BaseURL, "postgresql"+readmeURL, url)
	require.Zero(t, got.Code, got.Output())
	require.Contains(t, got.Output(), "Pool Status: Active=")
	monitor := regexp.MustCompile("`(k6 x pgxpool monitor [^`]*)`").FindStringSubmatch(projectFile(t, "README.md"))
	require.NotNil(t, monitor)
	got = n.types(t, "DATABASE_URL='"+url+"' "+monitor[1], "--interval 5 --duration 300", "--interval 1 --duration 2")
	require.Contains(t, got.Output(), "Pool Status: Active=0, Available=20, Total=20")

	got = n.types(t, text, "http://127.0.0.1:8000", "http://127.0.0.1:1", "postgresql"+readmeURL, url)
	require.Contains(t, []int{99, 107}, got.Code, got.Output())
}

// firstMistakes are what people do in the first ten minutes, and what they are told.
var firstMistakes = map[string]struct{ command, says string }{
	"wrong password":      {"DATABASE_URL=$WRONG_PASSWORD k6 run scripts/100users.js", "password authentication failed"},
	"unknown database":    {"DATABASE_URL=$WRONG_DATABASE k6 run scripts/100users.js", "no_such_database"},
	"wrong port":          {"DATABASE_URL=postgres://app@127.0.0.1:1/app k6 run scripts/100users.js", "127.0.0.1:1"},
	"missing GRANT":       {"DATABASE_URL=$NO_RIGHTS k6 run scripts/100users.js", "GRANT CREATE ON DATABASE"},
	"misspelled setting":  {"DATABASE_URL=$GOOD k6 run -e DB_POOL_SIZ=3 scripts/100users.js", "did you mean DB_POOL_SIZE?"},
	"script copied alone": {"mkdir alone && cp scripts/100users.js alone && k6 run alone/100users.js", "lib/settings.js"},
}

func TestNewcomerMakesTheFirstMistakes(t *testing.T) {
	t.Parallel()
	_, good, noRights := newRole(t, "newcomer")
	wrong := asRole(t, good, "newcomer", "another password")
	u, err := url.Parse(noRights)
	require.NoError(t, err)
	u.Path = "/no_such_database"
	// In order: "missing GRANT" comes before "misspelled setting", whose run makes the tables.
	for _, name := range slices.Sorted(maps.Keys(firstMistakes)) {
		mistake := firstMistakes[name]
		t.Run(name, func(t *testing.T) {
			n := newNewcomer(t)
			n.env["GOOD"], n.env["WRONG_PASSWORD"], n.env["WRONG_DATABASE"], n.env["NO_RIGHTS"] = good, wrong, u.String(), noRights
			got := n.types(t, mistake.command)
			require.Contains(t, got.Output(), mistake.says)
			require.NotContains(t, got.Output(), "another password")
			if name == "misspelled setting" {
				return // it runs, and is told
			}
			require.NotContains(t, got.Output(), "no data", "a table of criteria helps nobody here")
			if got.Code == 107 {
				require.Contains(t, got.Stdout, mistake.says, "the report says it, not only k6's log")
			}
			require.Contains(t, []int{exitScriptException, 107}, got.Code, got.Output())
			require.Less(t, strings.Count(got.Output(), "\n"), 40, got.Output())
		})
	}
}

// Every block is one of those above, so that a new one gets a test.
func TestNewcomerDoesEveryBlock(t *testing.T) {
	t.Parallel()
	var kinds []string
	for _, b := range readmeBlocks(t) {
		kinds = append(kinds, b.heading+": "+b.language)
	}
	require.Equal(t, []string{
		"xk6-pgxpool: text", "Install: bash", "Quick start: bash", "Quick start: text",
		"Your own script: js", "Your own database: bash", "Your own application: bash",
	}, kinds)
}

func TestREADMEIsShort(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, len(strings.Fields(projectFile(t, "README.md"))), 900)
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// Every link of every page leads to a file, and to a heading in it.
func TestPagesLinkToWhatExists(t *testing.T) {
	t.Parallel()
	root := k6test.Root(t)
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	for _, page := range append(pages, filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md"),
		filepath.Join(root, "examples", "README.md"), filepath.Join(root, "examples", "fastapi", "README.md")) {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, found := range link.FindAllStringSubmatch(string(text), -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := page
			if target != "" {
				file = filepath.Join(filepath.Dir(page), target)
			}
			content, err := os.ReadFile(file)
			if info, statErr := os.Stat(file); statErr == nil && info.IsDir() {
				err = nil
			}
			require.NoError(t, err, "%s links to %s", page, found[1])
			if anchor != "" {
				require.Contains(t, anchors(string(content)), anchor, "%s links to %s", page, found[1])
			}
		}
	}
}

// anchors are what GitHub makes of a page's headings.
func anchors(page string) []string {
	var all []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(page, -1) {
		plain := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		all = append(all, strings.ReplaceAll(plain, " ", "-"))
	}
	return all
}

// The badges name this module, this license and a workflow that there is.
func TestBadgesAreTrue(t *testing.T) {
	t.Parallel()
	readme := projectFile(t, "README.md")
	module := regexp.MustCompile(`(?m)^module (\S+)$`).FindStringSubmatch(projectFile(t, "go.mod"))[1]
	require.Contains(t, readme, fmt.Sprintf("https://%s/actions/workflows/ci.yml/badge.svg", module))
	require.FileExists(t, filepath.Join(k6test.Root(t), ".github", "workflows", "ci.yml"))
	require.Contains(t, readme, "https://pkg.go.dev/badge/"+module+".svg")
	require.Contains(t, readme, "License: Apache-2.0")
	require.Contains(t, projectFile(t, "LICENSE"), "Apache License")
}
