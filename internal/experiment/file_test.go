package experiment

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/schematest"
	"github.com/flowboard/xk6-pgxpool/internal/sizing"
)

var every = map[string]map[string]any{
	"before-after": {"plan": "before-after", "users": int64(100), "think": 1.0, "rounds": int64(2)},
	"tune":         {"plan": "tune", "users": int64(100), "think": 1, "rounds": int64(2), "seed": int64(7)},
	"capacity":     {"plan": "capacity", "users": int64(200), "rounds": int64(3), "criteria": []any{success(), fastEnough("900")}},
	"rate":         {"plan": "capacity", "users": int64(200), "rate": 200.0, "criteria": []any{success()}},
}

var laptop = Server{Cores: 2, Server: sizing.Server{MaxConnections: 100, SuperuserReserved: 3}}

// A run that is interrupted after any step takes the same steps and comes to
// the same result as one that is not.
func TestResumeAtEveryPrefix(t *testing.T) {
	schema, err := os.ReadFile("schema.json")
	require.NoError(t, err)
	for name, options := range every {
		t.Run(name, func(t *testing.T) {
			s := office
			s.size, s.overflow = 10, 5
			whole := planOf(t, options)
			require.NoError(t, whole.Prepare(laptop))
			want := run(t, whole, s, nil)
			for n := range len(want) + 1 {
				file, err := NewFile(name, options, laptop, want[:n])
				require.NoError(t, err)
				text, err := file.JSON()
				require.NoError(t, err)
				if n == len(want) {
					require.NoError(t, schematest.Errors(t, schema, text))
				}
				read, err := parseFile(text)
				require.NoError(t, err)
				again, err := read.JSON()
				require.NoError(t, err)
				require.Equal(t, string(text), string(again))

				plan := planOf(t, options)
				done, err := read.Resume(plan, name, options)
				require.NoError(t, err)
				require.Len(t, done, n)
				done = run(t, plan, s, done)
				require.Len(t, done, len(want))
				require.Equal(t, whole.Result(want), plan.Result(done))
			}
		})
	}
}

func TestSchemaHasEveryField(t *testing.T) {
	schema, err := os.ReadFile("schema.json")
	require.NoError(t, err)
	var file File
	schematest.Fill(&file)
	text, err := file.JSON()
	require.NoError(t, err)
	require.Empty(t, schematest.Differences(t, schema, "", text))
	require.Error(t, schematest.Errors(t, schema, text), "the version is another")
}

func TestResumeOfAnotherExperiment(t *testing.T) {
	options := every["tune"]
	plan := planOf(t, options)
	require.NoError(t, plan.Prepare(laptop))
	s := office
	done := run(t, plan, s, nil)[:3]
	file, err := NewFile("tune", options, laptop, done)
	require.NoError(t, err)

	other := func(change map[string]any) map[string]any {
		changed := map[string]any{}
		for key, value := range options {
			changed[key] = value
		}
		for key, value := range change {
			changed[key] = value
		}
		return changed
	}
	resume := func(f File, name string, options map[string]any) string {
		_, err := f.Resume(planOf(t, options), name, options)
		var refused *FileError
		require.ErrorAs(t, err, &refused)
		require.NotContains(t, err.Error(), "\n")
		return err.Error()
	}
	require.Contains(t, resume(file, "other", options), `"tune", not "other"`)
	require.Contains(t, resume(file, "tune", other(map[string]any{"users": int64(50)})), "users is 100 there and 50 now")
	require.Contains(t, resume(file, "tune", other(map[string]any{"hold": 1})), "hold is not given there and 1 now")
	require.Contains(t, resume(file, "tune", other(map[string]any{"seed": nil})), "seed is 7 there and not given now")

	nested := other(map[string]any{"hold": nil})
	was, is := map[string]any{"spread": "even", "rows": []any{1, 2}}, map[string]any{"spread": "even", "rows": []any{1, 3}}
	nested["workload"] = was
	detailed, err := NewFile("tune", nested, laptop, done)
	require.NoError(t, err)
	changed := func(workload any) string {
		_, err := detailed.Resume(planOf(t, options), "tune", other(map[string]any{"workload": workload}))
		require.Error(t, err)
		return err.Error()
	}
	require.Contains(t, changed(is), "workload.rows[1] is 2 there and 3 now")
	require.Contains(t, changed(map[string]any{"rows": was["rows"]}), `workload.spread is "even" there and not given now`)
	require.Contains(t, changed(map[string]any{"spread": "even", "rows": 1}), "workload.rows is a list of 2 there and 1 now")
	require.Contains(t, resume(File{Schema: 1, Name: "tune"}, "tune", options), "plan is not given there")

	swapped := file
	swapped.Measurements = []Measurement{done[1], done[0]}
	require.Contains(t, resume(swapped, "tune", options), "measurement 1")
	twice := file
	twice.Measurements = []Measurement{done[0], done[0]}
	require.Contains(t, resume(twice, "tune", options), "measurement 2")
	long := file
	for range 50 {
		long.Measurements = append(long.Measurements, done[0])
	}
	require.Contains(t, resume(long, "tune", options), "measurement 4")
	elsewhere := file
	elsewhere.Server.MaxConnections = 50
	require.Contains(t, resume(elsewhere, "tune", options), "measurement")

	// Numbers of another type are the same numbers.
	_, err = file.Resume(planOf(t, options), "tune", other(map[string]any{"users": 100.0, "think": int64(1), "sizes": nil}))
	require.NoError(t, err)
}

func TestFilesThatAreNone(t *testing.T) {
	for _, text := range []string{
		"", "{", "[]", "null", `{"schema":0}`, `{"schema":2}`, `{"schema":"1"}`, `{"schema":1,"measurements":{}}`,
		`{"schema":1,"measurements":[{"requests":-1}]}`,
		`{"schema":1,"measurements":[{"requests":1,"failed":2}]}`,
		`{"schema":1,"measurements":[{"step":{"settle_s":"x"}}]}`,
	} {
		_, err := parseFile([]byte(text))
		var refused *FileError
		require.ErrorAs(t, err, &refused, text)
	}
	for text, says := range map[string]string{"": "it is empty", "[]": "it is a JSON array, not an object", `{"schema":"1"}`: "schema is a string; use an integer"} {
		_, err := parseFile([]byte(text))
		require.ErrorContains(t, err, "cannot resume from this file: it is not the JSON of an experiment: "+says+"; name the file of")
	}
	_, err := ReadFile(filepath.Join(t.TempDir(), "none.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
	path := filepath.Join(t.TempDir(), "tune.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"schema":1,"name":"tune"}`), 0o600))
	file, err := ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "tune", file.Name)
}

// An option may be a URL with a password by mistake.
func TestResumeShowsNoPassword(t *testing.T) {
	options := map[string]any{"plan": "tune"}
	file := File{Schema: 1, Name: "tune", Options: map[string]any{"plan": "tune", "sizes": "postgres://u:hunter2@h/d"}}
	_, err := file.Resume(planOf(t, options), "tune", options)
	require.ErrorContains(t, err, "sizes")
	require.NotContains(t, err.Error(), "hunter2")
}
