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

func TestUnreadSettings(t *testing.T) {
	read := []string{"CONCURRENT", "GATE"}
	none := func(string) (string, bool) { return "", false }
	require.NoError(t, Unread([]string{"CONCURRENT", "MY_OWN", "DB_POOL_SIZE"}, read, none))
	requireConfigError(t, Unread([]string{"MY_OWN", "HOLD"}, read, none), "-e HOLD: this scenario does not read it with these settings; use one of CONCURRENT, GATE")
	requireConfigError(t, Unread([]string{"WORKLOAD"}, read, none), "-e WORKLOAD: this scenario does not read it")
}

// Given alone they would be taken without a word.
func TestASettingWithoutTheOneThatItNeeds(t *testing.T) {
	given := func(names ...string) Lookup {
		return func(asked string) (string, bool) { return "4", slices.Contains(names, asked) }
	}
	for name, needed := range companions {
		requireConfigError(t, Unread([]string{name}, []string{name}, given("BASE_URL")), "-e "+name+": it has no effect without "+needed+"; use both, or neither")
		require.NoError(t, Unread([]string{name}, []string{name}, given(needed)))
		requireConfigError(t, Unread([]string{name}, []string{"GATE"}, given()), "-e "+name+": this scenario does not read it with these settings")
	}
	for _, name := range watched { // read where an application is watched
		requireConfigError(t, Unread([]string{name}, []string{"GATE"}, given("BASE_URL")), "-e "+name+": it has no effect without DATABASE_URL; use both, or neither")
		requireConfigError(t, Unread([]string{name}, []string{"GATE"}, given()), "-e "+name+": this scenario does not read it with these settings")
		require.NoError(t, Unread([]string{name}, []string{name}, given("BASE_URL")))
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
