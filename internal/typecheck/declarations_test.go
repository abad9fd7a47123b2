// Package typecheck_test holds index.d.ts to the Go code: the TypeScript
// compiler checks scripts against the declarations, but not the declarations
// against what they declare.
package typecheck_test

import (
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// member is one property of a declared interface.
type member struct {
	name string
	doc  string // its comment in one line
}

var memberPattern = regexp.MustCompile(`(?s)(?:/\*\*(.*?)\*/\s*)?(?:readonly )?(\w+)\??: [^;]+;`)

// members gives the properties of an interface in index.d.ts.
func members(t *testing.T, name string) []member {
	t.Helper()
	var found []member
	for _, match := range memberPattern.FindAllStringSubmatch(body(t, "interface "+name+" {", "\n  }"), -1) {
		doc := strings.Join(strings.Fields(strings.ReplaceAll(match[1], "\n     *", " ")), " ")
		found = append(found, member{name: match[2], doc: doc})
	}
	require.NotEmpty(t, found)
	return found
}

// body gives the text of index.d.ts between begin and end.
func body(t *testing.T, begin, end string) string {
	t.Helper()
	text, err := os.ReadFile("../../index.d.ts")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), begin)
	require.True(t, found, begin)
	inside, _, found := strings.Cut(rest, end)
	require.True(t, found, end)
	return inside
}

func names(all []member) []string {
	list := make([]string, len(all))
	for i, m := range all {
		list[i] = m.name
	}
	return list
}

func TestEveryOptionIsDeclared(t *testing.T) {
	t.Parallel()
	require.ElementsMatch(t, append(config.Names(), config.DefaultsOption), names(members(t, "Options")))
}

func TestEveryEnvironmentVariableIsDeclared(t *testing.T) {
	t.Parallel()
	var known []string
	_, err := config.Resolve(nil, func(name string) (string, bool) {
		known = append(known, name)
		return "", false
	})
	require.NoError(t, err)

	var declared []string
	environment := regexp.MustCompile("Environment: `(\\w+)`")
	for _, option := range members(t, "Options") {
		if match := environment.FindStringSubmatch(option.doc); match != nil {
			declared = append(declared, match[1])
		}
	}
	require.ElementsMatch(t, known, declared)
}

// A declared default, given as an option, must change nothing.
func TestDeclaredDefaultsAreTheDefaults(t *testing.T) {
	t.Parallel()
	for _, option := range members(t, "Options") {
		_, text, found := strings.Cut(option.doc, "Default: ")
		require.True(t, found, "%s declares no default", option.name)
		value := declaredDefault(t, strings.TrimSuffix(text, "."))
		t.Run(option.name, func(t *testing.T) {
			t.Parallel()
			resolved, err := config.Resolve(map[string]any{option.name: value}, nil)
			require.NoError(t, err)
			require.Empty(t, config.Difference(pool.DefaultConfig(), resolved))
		})
	}
}

// declaredDefault reads a default as a script would write it.
func declaredDefault(t *testing.T, text string) any {
	t.Helper()
	switch text {
	case "true", "false":
		return text == "true"
	case "a temporary PostgreSQL on this machine", "the server's", "nothing":
		return nil
	case "none", "off":
		return int64(0)
	}
	if number, err := strconv.ParseInt(text, 10, 64); err == nil {
		return number
	}
	if duration := regexp.MustCompile(`^(\d+) (m?s)$`).FindStringSubmatch(text); duration != nil {
		return duration[1] + duration[2]
	}
	quoted := regexp.MustCompile("^`(.+)`$").FindStringSubmatch(text)
	require.NotNil(t, quoted, "default %q is of no known form", text)
	return quoted[1]
}

func TestDeclaredQueryExecModesAreAccepted(t *testing.T) {
	t.Parallel()
	modes := regexp.MustCompile(`'(\w+)'`).FindAllStringSubmatch(body(t, "type QueryExecMode =", ";"), -1)
	require.Len(t, modes, 5, "pgx has five")
	for _, mode := range modes {
		_, err := config.Resolve(map[string]any{"queryExecMode": mode[1]}, nil)
		require.NoError(t, err)
	}
}

func TestEveryLevelIsDeclared(t *testing.T) {
	t.Parallel()
	stat := reflect.TypeFor[pool.Stat]()
	var known []string
	for i := range stat.NumField() {
		name := stat.Field(i).Name
		if name == "PeakWaiting" || name == "OverflowTime" {
			continue // for metrics: a script's stat() does not have them
		}
		known = append(known, strings.ToLower(name[:1])+name[1:])
	}
	require.ElementsMatch(t, known, names(members(t, "PoolStat")))
}
