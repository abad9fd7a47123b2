//go:build unix

package workload

import (
	"fmt"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// pgbench runs the real program on a script, and gives what it prints.
func pgbench(t *testing.T, script string, arguments ...string) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	require.NoError(t, err)
	if len(found) == 0 {
		require.Empty(t, os.Getenv("CI"), "pgbench must be installed in CI")
		t.Skip("pgbench is not installed")
	}
	slices.Sort(found)
	file := filepath.Join(t.TempDir(), "script.sql")
	require.NoError(t, os.WriteFile(file, []byte(script), 0o600))
	u, err := url.Parse(pgtest.URL(t))
	require.NoError(t, err)
	password, _ := u.User.Password()
	cmd := exec.CommandContext(t.Context(), found[len(found)-1], append([]string{"--no-vacuum", "--file", file}, arguments...)...)
	cmd.Env = []string{
		"PGHOST=" + u.Hostname(), "PGPORT=" + u.Port(), "PGUSER=" + u.User.Username(), "PGPASSWORD=" + password,
		"PGDATABASE=" + strings.TrimPrefix(u.Path, "/"),
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

var printed = regexp.MustCompile(`debug\(script=0,command=(\d+)\): (.*)`)

// debugged is what pgbench's debug() printed, by the number of the command.
func debugged(t *testing.T, output string) map[int][]string {
	t.Helper()
	all := make(map[int][]string)
	for _, match := range printed.FindAllStringSubmatch(output, -1) {
		command, err := strconv.Atoi(match[1])
		require.NoError(t, err)
		all[command] = append(all[command], match[2])
	}
	return all
}

// expressions are of every operator and function whose value is not left to chance.
var expressions = []string{
	"1 + 2 * 3", "(1 + 2) * 3", "7 / 2", "-7 / 2", "7 % 3", "-7 % 3", "7 / 2.0", "1.5 + 1", "2 - -3", "- 5 + 2", "+5",
	"1e3", ".5", "5.", "1.5e-3", "9223372036854775807", "-9223372036854775808", "1e15 + 0.3", "1.0 / 3", "100000 * 1.0", "1e20",
	"1 < 2", "2 <= 2", "3 > 4", "4 >= 4", "1 = 1.0", "1 <> 2", "1 != 1", "1.5 < 2",
	"true and false", "true or null", "null and true", "false and null", "not true", "not null", "not 1 = 2 and true", "true and not false or false",
	"1 = 1 and 2 = 2 or 1 = 0", "5 & 3", "5 | 3", "5 # 3", "1 << 10", "1024 >> 3", "~5", "~1 + 2", "~1 & 3", "1 << 3 + 1", "5 & 3 + 1", "-1 >> 1",
	"null is null", "1 is not null", "null isnull", "1 notnull", "true is true", "1 = 1 is false", "1 is true", "null is true", "null is not false",
	"case when 1 > 2 then 1 when 2 > 1 then 2 else 3 end", "case when false then 1 end", "case when null then 1 else 2 end", "case when 0 then 1 else 2.5 end",
	"abs(-3)", "abs(-3.5)", "double(3)", "int(3.5)", "int(2.5)", "int(-2.5)", "int(5)", "exp(1)", "ln(10)", "sqrt(2)", "pi()", "pow(2, 10)", "power(2.5, 2)",
	"greatest(1, 3, 2)", "greatest(1, 2.5)", "least(4, 3, 5.0)", "least(2)", "mod(17, 5)", "mod(-17, 5)",
	"hash(1)", "hash(42, 7)", "hash_fnv1a(42, 7)", "hash_murmur2(-1, 7)", "hash_fnv1a(-12345, 0)", "hash(0, 0)",
	"null or true", "null and false", "null or 1", "1 / 0.0", "-1 / 0.0", "ln(0)", "-0.0", "- 0.0", "ln(-1) = 1", "ln(-1) <> 1", "ln(-1) <= 1", "1 --1", "--1", "-1 * 9223372036854775807", "4611686018427387904 * -2", "0 * -9223372036854775808", "- 9223372036854775808",
	"null + 1", "abs(null)", "random(null, 1) is null", "1 + :a * 2", ":a % 4 = 3 and :b > 1.5", "- :a", "int(:b) << 2",
}

// described is a value in the words of pgbench's debug().
func described(v value) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(kindOf(v), " ", argument(v))
}

func TestExpressionsAreThoseOfPgbench(t *testing.T) {
	const seed = 5432
	script := "\\set a 7\n\\set b 2.5\n"
	for _, text := range expressions {
		script += fmt.Sprintf("\\set x debug(%s)\n", text)
	}
	theirs := debugged(t, pgbench(t, script+"SELECT 1;\n", "--transactions=1", "--define=default_seed="+strconv.Itoa(seed)))
	e := &environment{variables: map[string]value{"a": int64(7), "b": 2.5, "default_seed": int64(seed)}}
	const first = 3 // command; they count from 1
	for i, text := range expressions {
		require.Len(t, theirs[first+i], 1, text)
		parsed, _, err := parseExpression(text)
		require.NoError(t, err, text)
		ours, err := parsed(e)
		require.NoError(t, err, text)
		require.Equal(t, normalized(theirs[first+i][0]), normalized(described(ours)), text)
	}
}

// normalized takes the leading zeros off an exponent, which C and Go write differently.
func normalized(text string) string {
	return regexp.MustCompile(`e([-+])0*`).ReplaceAllString(text, "e$1")
}

// The distributions agree with pgbench's own: by a two-sample Kolmogorov-Smirnov test, of samples that fall differently
// in one of a million runs.
func TestRandomNumbersAreDistributedAsPgbenchs(t *testing.T) {
	const samples = 4000
	random := []string{
		"random(-5, 20)", "random_gaussian(1, 100, 2.5)", "random_gaussian(1, 1000, 6)", "random_exponential(1, 100, 3)",
		"random_exponential(-50, 50, 0.1)", "random_zipfian(1, 100, 1.2)", "random_zipfian(1, 100000, 1.001)", "random_zipfian(5, 9, 3)",
	}
	script := ""
	for _, text := range random {
		script += fmt.Sprintf("\\set x debug(%s)\n", text)
	}
	theirs := debugged(t, pgbench(t, script+"SELECT 1;\n", fmt.Sprintf("--transactions=%d", samples)))
	w := &Workload{total: 1}
	r := w.NewUser(1)
	for i, text := range random {
		parsed, _, err := parseExpression(text)
		require.NoError(t, err)
		var a, b []float64
		for _, line := range theirs[i+1] {
			n, err := strconv.ParseInt(strings.TrimPrefix(line, "int "), 10, 64)
			require.NoError(t, err)
			a = append(a, float64(n))
		}
		require.Len(t, a, samples, text)
		for range samples {
			v, err := parsed(&r.environment)
			require.NoError(t, err)
			b = append(b, float64(v.(int64)))
		}
		const oneOfAMillion = 2.69
		require.Less(t, distance(a, b), oneOfAMillion*math.Sqrt(2.0/samples), text)
	}
}

// distance is the largest difference of two empirical distributions.
func distance(a, b []float64) float64 {
	slices.Sort(a)
	slices.Sort(b)
	worst := 0.0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		at := min(a[i], b[j])
		for i < len(a) && a[i] == at {
			i++
		}
		for j < len(b) && b[j] == at {
			j++
		}
		worst = max(worst, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return worst
}

func TestPermuteIsAPermutation(t *testing.T) {
	e := &environment{variables: map[string]value{"default_seed": int64(3)}}
	for _, size := range []int64{1, 2, 3, 10, 1000, 4097} {
		seen := make(map[int64]bool)
		moved := 0
		for i := range size {
			v, err := permuted(e, []value{i, size})
			require.NoError(t, err)
			require.GreaterOrEqual(t, v, int64(0))
			require.Less(t, v, size)
			seen[v.(int64)] = true
			if v != i {
				moved++
			}
		}
		require.Len(t, seen, int(size))
		if size >= 1000 {
			require.Greater(t, moved, int(size)*9/10)
		}
	}
	_, err := permuted(e, []value{int64(1), int64(0)})
	require.Error(t, err)
	v, err := permuted(e, []value{int64(math.MinInt64), int64(math.MaxInt64), int64(1)})
	require.NoError(t, err)
	require.GreaterOrEqual(t, v, int64(0))
}
