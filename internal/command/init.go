package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

const initLong = `Write the scenarios and everything they need, from inside the binary.

Writes the scenarios and their library, the criteria, the TypeScript
declarations with a jsconfig.json for your editor, the Pool tab of k6's web
dashboard, an .env.example, and a nightly GitHub workflow that builds this
version. scripts/own.js is a template for your own script.

If a file exists with another content, nothing is written, unless --force is
given.

Exit codes: 0 when everything is there, 104 when a file is in the way or DIR
cannot be written.`

const initExample = `  k6 x pgxpool init
  k6 x pgxpool init load-tests && k6 run load-tests/scripts/100users.js`

// module is this extension's path.
const module = "github.com/flowboard/xk6-pgxpool"

// renamed are the files whose place in DIR is not the one in the repository.
var renamed = map[string]string{
	"deploy/init/env.example":   ".env.example",
	"deploy/init/jsconfig.json": "jsconfig.json",
}

// newInit makes `k6 x pgxpool init` of the repository's files that the binary holds.
func newInit(gs *state.GlobalState, files fs.FS) *cobra.Command {
	force := false
	cmd := &cobra.Command{
		Use:     "init [DIR]",
		Short:   "Write the scenarios, types and a nightly workflow to a directory",
		Long:    initLong,
		Example: initExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return invalid(fmt.Errorf("init takes one directory, got %d: %s", len(args), strings.Join(args, " ")))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			if dir == "" {
				return invalid(errors.New("DIR is empty; give a directory's name, or leave it out"))
			}
			return runInit(gs.Stdout, files, dir, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite files that exist with another content")
	return cmd
}

func runInit(out io.Writer, files fs.FS, dir string, force bool) error {
	contents, err := initFiles(files, ownVersion())
	if err != nil {
		return err
	}
	missing, differing, err := compareWith(dir, contents)
	if err != nil {
		return invalid(err)
	}
	if len(differing) > 0 && !force {
		return invalid(fmt.Errorf("nothing was written: %s in %s with another content (%s); give another directory, or --force to overwrite",
			text.Counted(len(differing), "file"), dir, strings.Join(differing, ", ")))
	}
	for _, name := range append(missing, differing...) {
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), contents[name]); err != nil {
			return invalid(fmt.Errorf("DIR cannot be written: %w; give another directory", err))
		}
	}
	written := len(missing) + len(differing)
	_, err = fmt.Fprintf(out, "%s written to %s, %d already there. Next:\n\n  k6 run %s\n",
		text.Counted(written, "file"), text.Line(dir), len(contents)-written, text.Line(filepath.Join(dir, "scripts", "100users.js")))
	return err
}

// initFiles gives what init writes, by its slash-separated path below DIR.
func initFiles(files fs.FS, version string) (map[string][]byte, error) {
	contents := make(map[string][]byte)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if target, ok := renamed[name]; ok {
			name = target
		}
		// Our own workflow builds the clone that it runs in.
		contents[name] = bytes.ReplaceAll(content, []byte("--with "+module+"=."), []byte("--with "+module+"@"+version))
		return err
	})
	return contents, err
}

// ownVersion is what `xk6 build --with` takes to build this version again, as far as that is possible.
func ownVersion() string {
	const latest = "latest"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return latest
	}
	modules := append(info.Deps, &info.Main)
	i := slices.IndexFunc(modules, func(m *debug.Module) bool { return m.Path == module })
	if i < 0 || modules[i].Replace != nil || !strings.HasPrefix(modules[i].Version, "v") || strings.Contains(modules[i].Version, "+dirty") {
		return latest
	}
	return modules[i].Version
}

// compareWith tells which files are not in dir, and which are there with another content.
func compareWith(dir string, contents map[string][]byte) (missing, differing []string, err error) {
	for name, content := range contents {
		found, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))) // #nosec G304 -- the user names the directory
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, name)
		case err != nil:
			return nil, nil, err
		case !bytes.Equal(found, content):
			differing = append(differing, name)
		}
	}
	slices.Sort(missing)
	slices.Sort(differing)
	return missing, differing, nil
}

func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { // #nosec G301 -- sources, as a clone has them
		return err
	}
	return os.WriteFile(path, content, 0o644) // #nosec G306 -- sources, as a clone has them
}
