package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSettings(t *testing.T) {
	for _, test := range []struct {
		given map[string]any
		text  string
		want  any // an error's words where it is refused
	}{
		{map[string]any{"kind": "duration", "least": int64(1)}, "30s", 30.0},
		{map[string]any{"kind": "duration"}, "5m", 300.0},
		{map[string]any{"kind": "duration"}, " 0.5 ", 0.5},
		{map[string]any{"kind": "duration"}, "1d", 86400.0},
		{map[string]any{"kind": "duration"}, "", nil},
		{map[string]any{"kind": "integer"}, "12", 12.0},
		{map[string]any{}, "1e3", 1000.0},
		{map[string]any{"kind": "string"}, "x y", "x y"},
		{map[string]any{"kind": "duration", "least": int64(1)}, "500ms", `LIMIT: "500ms" is not accepted; use a duration such as "30s" or "500ms" (a number is seconds) of at least 1s`},
		{map[string]any{"kind": "duration"}, "-1", `"-1"`},
		{map[string]any{"kind": "duration"}, "soon", `"soon"`},
		{map[string]any{"kind": "integer", "least": 1.0, "most": 5.0}, "6", `LIMIT: "6" is not accepted; use an integer from 1 to 5`},
		{map[string]any{"kind": "integer"}, "1.5", `"1.5"`},
		{map[string]any{"most": 0.5}, "1", "use a number of at most 0.5"},
		{map[string]any{}, "NaN", `"NaN"`},
		{map[string]any{}, "Infinity", `"Infinity"`},
		{map[string]any{}, "postgres://ann:geheim@h", "postgres://***"},
	} {
		s, err := NewSetting("LIMIT", test.given)
		require.NoError(t, err)
		value, err := s.Read(fakeEnv("LIMIT", test.text))
		if err != nil {
			words, _ := test.want.(string)
			requireConfigError(t, err, words)
			require.NotContains(t, err.Error(), "geheim")
			continue
		}
		require.Equal(t, test.want, value, test.text)
	}
	for _, given := range []map[string]any{{"kind": "time"}, {"least": "1"}, {"minimum": int64(1)}} {
		_, err := NewSetting("LIMIT", given)
		requireConfigError(t, err, `setting("LIMIT")`, "least and most")
	}
}

func TestMistypedVariables(t *testing.T) {
	require.Equal(t, map[string]string{"DB_POOL_SIZ": "DB_POOL_SIZE", "DATABASE_UR": "DATABASE_URL", "DURATOIN": "DURATION"},
		Mistyped([]string{"DB_POOL_SIZ", "DURATOIN", "HOLD", "MY_OWN"}, []string{"DATABASE_UR", "DB_MAX_OVERFLOW", "DB_HOST", "DB_NAME", "DB_USER", "DB_PASSWORD", "DURATOIN2", "HOME", "SHELL"}))
}

// givenAs finds the names, all of them with one value.
func givenAs(value string, names ...string) Lookup {
	return func(asked string) (string, bool) {
		if slices.Contains(names, asked) {
			return value, value != ""
		}
		return "", false
	}
}

func TestUnreadSettings(t *testing.T) {
	read, given := []string{"CONCURRENT", "GATE"}, []string{"CONCURRENT", "MY_OWN", "DB_POOL_SIZE"}
	require.NoError(t, Unread(given, read, givenAs("4", given...)))
	given = []string{"MY_OWN", "HOLD"}
	requireConfigError(t, Unread(given, read, givenAs("4", given...)), "-e HOLD: this scenario does not read it with these settings; use one of CONCURRENT, GATE")
	require.NoError(t, Unread(given, read, givenAs("", given...)), "an empty value is not set")
	requireConfigError(t, Unread([]string{"WORKLOAD"}, read, givenAs("4", "WORKLOAD")), "-e WORKLOAD: this scenario does not read it")
}

// Given alone they would be taken without a word.
func TestASettingWithoutTheOneThatItNeeds(t *testing.T) {
	for name, needed := range companions {
		both := []string{name, needed}
		requireConfigError(t, Unread([]string{name}, both, givenAs("4", name)), "-e "+name+": it has no effect without "+needed+"; use both, or neither")
		require.NoError(t, Unread([]string{name}, both, givenAs("", name)), "an empty value is not set")
		require.NoError(t, Unread([]string{name}, both, givenAs("4", name, needed)))
		require.NoError(t, Unread([]string{name}, []string{name}, givenAs("4", name)), "a script's own")
		requireConfigError(t, Unread([]string{name}, []string{"GATE"}, givenAs("4", name)), "-e "+name+": this scenario does not read it with these settings")
	}
	require.NoError(t, Unread([]string{"ENDPOINT"}, []string{"ENDPOINT", "BASE_URL"}, givenAs("/api/issues", "ENDPOINT")), "the runbook's command line has it")
	for _, name := range watched { // read where an application is watched
		needsDatabase := "-e " + name + ": it has no effect without DATABASE_URL; use both, or neither"
		requireConfigError(t, Unread([]string{name}, []string{"BASE_URL"}, givenAs("4", name, "BASE_URL")), needsDatabase)
		require.NoError(t, Unread([]string{name}, []string{"BASE_URL"}, givenAs("", name)))
		for _, given := range []Lookup{givenAs("4", name), givenAs("4", name, "BASE_URL")} { // no application in this scenario
			err := Unread([]string{name}, []string{"GATE"}, given)
			if name == "PGBOUNCER_URL" { // a setting of every scenario
				require.NoError(t, err)
				continue
			}
			requireConfigError(t, err, "-e "+name+": this scenario does not read it with these settings")
		}
		require.NoError(t, Unread([]string{name}, []string{name}, givenAs("4", name, "BASE_URL")))
	}
}

// What a scenario reads by name is known everywhere: it is refused where it is not read, and a slip of it is found.
func TestSettingsOfScenariosAreKnown(t *testing.T) {
	files, err := filepath.Glob("../../scripts/*.js")
	require.NoError(t, err)
	library, err := filepath.Glob("../../scripts/lib/*.js")
	require.NoError(t, err)
	names, seen := regexp.MustCompile(`\b(?:read[A-Z]\w*|setting)\('([A-Z_0-9]+)'`), 0
	for _, file := range append(files, library...) {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, name := range names.FindAllStringSubmatch(string(source), -1) {
			if !strings.HasPrefix(name[1], "DB_") && !strings.HasPrefix(name[1], "K6_") {
				require.Contains(t, scenarioSettings, name[1], file)
				seen++
			}
		}
	}
	require.Greater(t, seen, 20)
}
