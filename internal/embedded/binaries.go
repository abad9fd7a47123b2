package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// errNoLocal tells that no package installed PostgreSQL's server on this machine.
var errNoLocal = errors.New("no PostgreSQL server is installed")

// installation is a PostgreSQL that can run.
type installation struct {
	binDir  string
	version string
}

func (i installation) program(name string) string { return filepath.Join(i.binDir, name) }

// command is a program that the account runs in dir.
func (i installation) command(ctx context.Context, as account, dir, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, i.program(program), args...) // #nosec G204 -- a program of the installation
	cmd.Dir = dir
	cmd.Env = childEnvironment()
	cmd.SysProcAttr = as.attributes()
	return cmd
}

// installedPlaces lists the folders in which packages put initdb and postgres, best first.
func installedPlaces(ctx context.Context) []string {
	var dirs []string
	config := exec.CommandContext(ctx, "pg_config", "--bindir")
	config.Env = childEnvironment()
	if out, err := config.Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
		"/usr/pgsql-*/bin",          // PostgreSQL's own packages for Red Hat
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
		"/usr/libexec/postgresql*", // Alpine
	} {
		dirs = append(dirs, newestFirst(pattern)...)
	}
	if initdb, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, realDir(initdb))
	}
	return dirs
}

var versionInPath = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

// newestFirst sorts the folders by the version in their name.
func newestFirst(pattern string) []string {
	dirs, err := filepath.Glob(pattern)
	if err != nil {
		panic(err) // the patterns are ours
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return cmp.Compare(major(b), major(a)) })
	return dirs
}

// major is the last number in the path, such as 16 or 9.6; 0 if there is none.
func major(dir string) float64 {
	numbers := versionInPath.FindAllString(dir, -1)
	if len(numbers) == 0 {
		return 0
	}
	version, err := strconv.ParseFloat(numbers[len(numbers)-1], 64)
	if err != nil {
		return 0
	}
	return version
}

// realDir follows links: a link in /usr/local/bin has no postgres beside it.
func realDir(program string) string {
	if target, err := filepath.EvalSymlinks(program); err == nil {
		program = target
	}
	return filepath.Dir(program)
}

// locate finds the PostgreSQL that PG_BIN names, else an installed one. A download makes sense only after
// errNoLocal: the user must hear of a wrong PG_BIN.
func locate(ctx context.Context, cfg Config, as account) (installation, error) {
	if dir := os.Getenv("PG_BIN"); dir != "" {
		// The programs run in other directories than this process.
		if absolute, err := filepath.Abs(dir); err == nil {
			dir = absolute
		}
		found, err := inspect(ctx, as, dir)
		if err != nil {
			return installation{}, fmt.Errorf("PG_BIN=%q is not a folder with PostgreSQL's initdb and postgres: %w", dir, err)
		}
		return found, nil
	}
	for _, dir := range cfg.places(ctx) {
		if found, err := inspect(ctx, as, dir); err == nil {
			return found, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return installation{}, err
	}
	return installation{}, errNoLocal
}

var versionNumber = regexp.MustCompile(`[0-9]+(\.[0-9]+)+|[0-9]+(devel|beta[0-9]+|rc[0-9]+)`)

// inspect checks that both programs are in dir and that the account can run them.
func inspect(ctx context.Context, as account, dir string) (installation, error) {
	if err := complete(dir); err != nil {
		return installation{}, err
	}
	found := installation{binDir: dir}
	out, err := found.command(ctx, as, "/", "postgres", "--version").Output()
	if err != nil && as.drop {
		return installation{}, fmt.Errorf("postgres --version as user %s, as it refuses root: %w", as.name, err)
	}
	if err != nil {
		return installation{}, fmt.Errorf("postgres --version: %w", err)
	}
	found.version = versionNumber.FindString(string(out))
	if found.version == "" {
		return installation{}, fmt.Errorf("postgres --version says %q", strings.TrimSpace(string(out)))
	}
	return found, nil
}

// complete gives an error if one of the programs is missing in dir.
func complete(dir string) error {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil { // #nosec G703 -- the folder the user names
			return err
		}
	}
	return nil
}
