package config

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/pool"
)

func writeDotEnv(t testing.TB, content string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte(content), 0o600))
	return dir
}

func TestEnvironmentPrecedence(t *testing.T) {
	dir := writeDotEnv(t, "A=file\nB=file\nC=file\nD=\n")
	lookup, err := Environment(
		map[string]string{"A": "script", "B": "", "E": ""},
		fakeEnv("A", "process", "B", "process", "C", "", "F", ""),
		dir)
	require.NoError(t, err)
	for name, want := range map[string]string{"A": "script", "B": "process", "C": "file"} {
		value, ok := lookup(name)
		require.True(t, ok, name)
		require.Equal(t, want, value, name)
	}
	for _, name := range []string{"D", "E", "F", "G", ""} { // an empty value means not set
		value, ok := lookup(name)
		require.False(t, ok, name)
		require.Empty(t, value, name)
	}
}

func TestEnvironmentWithoutSources(t *testing.T) {
	for _, dir := range []string{"", t.TempDir(), filepath.Join(t.TempDir(), "missing")} {
		lookup, err := Environment(nil, nil, dir)
		require.NoError(t, err)
		_, ok := lookup("DB_POOL_SIZE")
		require.False(t, ok)
	}
}

// The option wins over -e, that over the process, that over .env, that over
// the default; null and undefined are no options.
func TestResolvePrecedence(t *testing.T) {
	script := map[string]string{"DB_POOL_SIZE": "3"}
	process := fakeEnv("DB_POOL_SIZE", "4", "DB_MAX_OVERFLOW", "4", "DB_POOL_TIMEOUT", "")
	dir := writeDotEnv(t, "DB_POOL_SIZE=5\nDB_MAX_OVERFLOW=5\nDB_POOL_TIMEOUT=5\nDB_POOL_RECYCLE=\n")
	lookup, err := Environment(script, process, dir)
	require.NoError(t, err)

	c, err := Resolve(map[string]any{"poolSize": int64(2), "maxOverflow": nil}, lookup)
	require.NoError(t, err)
	require.Equal(t, 2, c.PoolSize, "option")
	require.Equal(t, 4, c.MaxOverflow, "process, since null is not set")
	require.Equal(t, "5s", c.PoolTimeout.String(), ".env, since the process has it empty")
	require.Equal(t, pool.DefaultConfig().PoolRecycle, c.PoolRecycle, "default, since .env has it empty")

	c, err = Resolve(nil, lookup)
	require.NoError(t, err)
	require.Equal(t, 3, c.PoolSize, "-e")
}

func TestSpacesAroundAVariableAreNotPartOfIt(t *testing.T) {
	c, err := Resolve(nil, fakeEnv("DB_POOL_SIZE", " 7\n", "DB_MAX_OVERFLOW", " \t"))
	require.NoError(t, err)
	require.Equal(t, 7, c.PoolSize)
	require.Equal(t, pool.DefaultConfig().MaxOverflow, c.MaxOverflow, "nothing but spaces is empty")
}

// The runbook's .env, and FlowBoard's URL beside it, work as they are.
func TestRunbooksDotEnv(t *testing.T) {
	dir := writeDotEnv(t, `
# Connection pool settings (E1.6)
DB_POOL_SIZE=20
DB_MAX_OVERFLOW=40
DB_POOL_TIMEOUT=30
DB_POOL_RECYCLE=3600
DB_POOL_PRE_PING=true
export DATABASE_URL="postgresql+asyncpg://flowboard:ge/heim@db.example.com:5432/flowboard?ssl=require"
`)
	lookup, err := Environment(nil, nil, dir)
	require.NoError(t, err)
	c, err := Resolve(nil, lookup)
	require.NoError(t, err)
	want := pool.DefaultConfig()
	want.URL = "postgres://flowboard:ge%2Fheim@db.example.com:5432/flowboard?sslmode=require"
	want.Driver = pool.DriverAsyncpg
	require.Equal(t, want, c)
}

func TestBrokenDotEnv(t *testing.T) {
	for _, test := range []struct {
		content string
		line    int
	}{
		{"geheim geheim\n", 1},
		{"A=1\n\n# comment\nPASSWORD geheim\nB=2\n", 4},
		{"A='geheim\nB=2\n", 1},
		{"A=1\nB=\"geheim\nstill\nC=3\n", 2},
		{"A=\"several\nlines\"\nge-heim=1\n", 3},
		{"A=1\r\nge heim!\r\n", 2},
		{"A='x' geheim\nB=2\n", 1},
	} {
		dir := writeDotEnv(t, test.content)
		_, err := Environment(nil, nil, dir)
		e := configErrorOf(t, err, "line "+strconv.Itoa(test.line)+" cannot be read", "NAME=value")
		require.Equal(t, filepath.Join(dir, ".env"), e.Source)
		require.NotContains(t, err.Error(), "heim", test.content)
	}
}

// As Windows' editors write it.
func TestDotEnvWithAByteOrderMark(t *testing.T) {
	lookup, err := Environment(nil, nil, writeDotEnv(t, "\xef\xbb\xbfDB_POOL_SIZE=7\n"))
	require.NoError(t, err)
	c, err := Resolve(nil, lookup)
	require.NoError(t, err)
	require.Equal(t, 7, c.PoolSize)
}

func TestUnreadableDotEnv(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, ".env"), 0o700))
	_, err := Environment(nil, nil, dir)
	require.NoError(t, err, "a virtual environment of Python")

	_, err = Environment(nil, nil, writeDotEnv(t, strings.Repeat("# 16 characters\n", 4097)))
	requireConfigError(t, err, "larger than 64 KiB", "NAME=value")

	dir = t.TempDir()
	require.NoError(t, os.Symlink(os.DevNull, filepath.Join(dir, ".env")))
	_, err = Environment(nil, nil, dir)
	requireConfigError(t, err, filepath.Join(dir, ".env"), "it is not a regular file", "or remove it")

	dir = t.TempDir()
	require.NoError(t, os.Symlink(".env", filepath.Join(dir, ".env")))
	_, err = Environment(nil, nil, dir)
	requireConfigError(t, err, filepath.Join(dir, ".env"), "too many")
}

// FuzzDotEnv: whatever the file holds, an error names a line that is there and
// repeats nothing of it.
func FuzzDotEnv(f *testing.F) {
	for _, seed := range []string{"A=1\n", "A='\n'\nB", "export A=\"x\\\"\n", "\xef\xbb\xbfA=1\n", "A=$B\n", "=\n", "A: b\n#"} {
		f.Add(seed, "x", "y")
	}
	f.Fuzz(func(t *testing.T, before, secret, after string) {
		secret = "Zq" + secret + "qZ"
		dir := writeDotEnv(t, before+secret+after)
		lookup, err := Environment(nil, nil, dir)
		if err == nil {
			_, _ = lookup("A")
			return
		}
		e := configErrorOf(t, err)
		require.NotContains(t, e.Reason+e.Accepted, "Zq")
		if _, rest, ok := strings.Cut(e.Reason, "line "); ok {
			line, err := strconv.Atoi(strings.Fields(rest)[0])
			require.NoError(t, err)
			require.GreaterOrEqual(t, line, 1)
			require.LessOrEqual(t, line, strings.Count(before+secret+after, "\n")+1)
		}
	})
}
