//go:build unix

package workflows

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
)

// hostileInputs try to make a shell, or arithmetic in it, touch a file.
func hostileInputs(file string) []string {
	touch := "touch " + file
	return []string{
		"x[$(" + touch + ")]", "$(" + touch + ")", "`" + touch + "`", "x[`" + touch + "`]", "1+x[$(" + touch + ")]",
		"1; " + touch, "1 && " + touch + " #", "1 || " + touch, "1\n" + touch, "'; " + touch + "; '", "\"; " + touch + "; \"",
		"$((x[$(" + touch + ")]))", "{touch," + file + "}", "100$(touch${IFS}" + file + ")", "%s%n", "-e", "--output=" + file,
		"100\n::add-mask::x", "0", "-1", "0x10", "1e9", "1234567", "١", " 1", strings.Repeat("9", 5000),
	}
}

// stubs stand in for the programs that steps call, so that a step runs through to its end in a moment.
func stubs(t *testing.T, dir string) (path string) {
	t.Helper()
	bin := t.TempDir()
	for _, name := range []string{"go", "gofmt", "docker", "npm", "sudo"} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\necho k6/x/pgxpool 1\n"), 0o700))
	}
	for _, name := range []string{"k6", "dist/k6_linux_amd64_v1/k6", "out/100users/results/summary.json", "history/baseline.json"} {
		file := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte("#!/bin/sh\necho k6/x/pgxpool\n"), 0o700))
	}
	return bin + ":/usr/bin:/bin"
}

// outside tells whether an expression holds text that somebody else writes.
var outside = regexp.MustCompile(`^inputs\.`)

func TestNoStepRunsWhatAnInputSays(t *testing.T) {
	dir := t.TempDir()
	touched := filepath.Join(t.TempDir(), "touched")
	path := stubs(t, dir)
	ran := 0
	for _, name := range workflowFiles(t) {
		w := readWorkflow(t, name)
		for jobName, job := range w.Jobs {
			for _, s := range job.Steps {
				require.NotContains(t, s.Run, "${{", "%s: %s: an expression in a shell", name, s.Name)
				if s.Run == "" {
					continue
				}
				for _, hostile := range hostileInputs(touched) {
					r := runner{dir: dir, shell: "bash", env: job.Env, given: given(job, s, hostile), process: map[string]string{
						"PATH": path, "HOME": dir, "GITHUB_REF_NAME": "v" + hostile, "GITHUB_RUN_ID": "1",
						"GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary.md"),
					}}
					s.If = "" // a step must be safe whatever ran before it
					got := r.run(t, s)
					require.NoFileExists(t, touched, "%s, %s, %q with %q: %s", name, jobName, s.Run, hostile, got.output)
					ran++
				}
			}
		}
	}
	require.Greater(t, ran, 300)
}

// given has the hostile text for each input, and something plain for the other expressions.
func given(j job, s step, hostile string) map[string]string {
	values := map[string]string{}
	for _, env := range []map[string]string{j.Env, s.Env} {
		for _, value := range env {
			for _, found := range expression.FindAllStringSubmatch(value, -1) {
				values[found[1]] = "plain"
				if outside.MatchString(found[1]) {
					values[found[1]] = hostile
				}
			}
		}
	}
	return values
}

func workflowFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(k6test.Root(t), ".github", "workflows", "*.yml"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 3)
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	return files
}

// The first step looks at every input, before anything is fetched or built.
func TestNightlyRefusesInputsThatDoNotMatch(t *testing.T) {
	w := readWorkflow(t, "nightly.yml")
	load := w.Jobs["load-test"]
	first := load.Steps[0]
	require.Equal(t, "Inputs", first.Name)
	inputs := map[string]string{ // expression by input
		"users": "inputs.users || '100'", "duration": "inputs.duration || '300'", "gate": "inputs.gate || 'fail'",
		"tolerance": "inputs.tolerance || '10'", "new_baseline": "inputs.new_baseline || 'false'",
	}
	require.Len(t, w.On.Dispatch.Inputs, len(inputs)+1, "and database, which is only compared")
	defaults := map[string]string{databaseExpression(t, load.Env["DATABASE_URL"]): "postgres://"}
	for name, expression := range inputs {
		defaults[expression] = w.On.Dispatch.Inputs[name].Default
	}
	check := func(name, value string) ran {
		r := runner{dir: t.TempDir(), shell: w.Defaults.Run.Shell, env: load.Env, process: map[string]string{"PATH": os.Getenv("PATH")}}
		r.given = map[string]string{}
		for expression, plain := range defaults {
			r.given[expression] = plain
		}
		if name != "" {
			r.given[inputs[name]] = value
		}
		return r.run(t, first)
	}
	good := check("", "")
	require.Zero(t, good.code, good.output)
	for name := range inputs {
		for _, hostile := range hostileInputs("/nonexistent/touched") {
			if name == "tolerance" && hostile == "0" {
				continue // no change is tolerated
			}
			got := check(name, hostile)
			require.Equal(t, 1, got.code, "%s %q: %s", name, hostile, got.output)
			require.Regexp(t, fmt.Sprintf(`^::error::%s is .*; accepted: \S+\n$`, name), got.output, "one line")
			require.Less(t, len(got.output), 1000)
		}
	}
}

func TestReleaseRefusesStrangeTags(t *testing.T) {
	w := readWorkflow(t, "release.yml")
	first := w.Jobs["binaries"].Steps[0]
	for tag, good := range map[string]bool{
		"v1.2.3": true, "v0.1.0-rc.1": true, "v1": false, "v1.2.3;id": false, "v$(id)": false, "v1.2.3\nx": false, "v1.2.3 ": false,
	} {
		r := runner{dir: t.TempDir(), shell: w.Defaults.Run.Shell, process: map[string]string{"PATH": os.Getenv("PATH"), "GITHUB_REF_NAME": tag}}
		require.Equal(t, good, r.run(t, first).code == 0, tag)
	}
}

// A tag can be moved to anything, a commit and a digest cannot.
func TestActionsRunByCommitAndImagesByDigest(t *testing.T) {
	digest := regexp.MustCompile(`@sha256:[0-9a-f]{64}\b`)
	for _, name := range workflowFiles(t) {
		text, err := os.ReadFile(filepath.Join(k6test.Root(t), ".github", "workflows", name))
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			line = strings.TrimPrefix(strings.TrimSpace(line), "- ")
			if strings.HasPrefix(line, "uses:") {
				require.Regexp(t, `^uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`, line)
			}
			if _, image, found := strings.Cut(line, "image: "); found && !strings.Contains(image, "${{") {
				require.Regexp(t, digest, image, line)
			}
		}
	}
	for _, stage := range stages(readDockerfile(t)) {
		require.Regexp(t, digest, stage[0].arguments)
	}
}
