package criteria_test

import (
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/flowboard/xk6-pgxpool/internal/criteria"
	"github.com/flowboard/xk6-pgxpool/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRowsOfTheRepository(t *testing.T) {
	file, err := criteria.Load(os.DirFS("../.."))
	require.NoError(t, err)
	rows, err := file.Rows("watchedCriteria", map[string]any{"poolSize": 30, "maxOverflow": 40})
	require.NoError(t, err)
	require.Equal(t, "success_rate", rows[0].Name)
	require.NotEmpty(t, file.Get("cpuNote"))
	_, err = file.Rows("watchedCriteria") // without the sizes that it destructures
	require.ErrorAs(t, err, new(*pool.ConfigError))
	_, err = file.Rows("noCriteria")
	require.ErrorContains(t, err, "thresholds/criteria.js has no function noCriteria")
}

func TestFilesThatAreNoCriteria(t *testing.T) {
	for source, problem := range map[string]string{
		"export const = 1":                        "Unexpected token",
		"import { x } from './other.js'":          "imports nothing",
		"throw new Error('not today')":            "not today",
		"export const rows = () => [{ name: 7 }]": "reading what rows",
	} {
		file, err := criteria.Load(fstest.MapFS{"thresholds/criteria.js": {Data: []byte(source)}})
		if err == nil {
			_, err = file.Rows("rows")
		}
		require.ErrorContains(t, err, problem, source)
	}
	_, err := criteria.Load(fstest.MapFS{})
	require.ErrorContains(t, err, "reading the criteria")
}
