package verdict_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// Options of every spelling come back as they were: an older file's hash is that of
// the map of strings it holds.
func TestConfigurationTravelsUnchanged(t *testing.T) {
	for name, options := range map[string]map[string]string{
		"none": {},
		"a pool": {
			"poolSize": "20", "maxOverflow": "40", "poolTimeout": "30s", "poolRecycle": "1h0m0s", "poolPrePing": "true",
			"queryExecMode": "exec", "server": "db:5432/app", "hold": "0.1", "postgresql.shared_buffers": "128MB",
		},
		"several pools": {
			"poolSize": "1", "maxOverflow": "0", "reports.eu.poolSize": "4", "reports.eu.poolRecycle": "-1ns", "reports.eu.server": "other",
			"default.poolSize": "7", "postgresql": "15",
		},
		"a runner's share": {
			"executionSegment": "0:1/2", "poolSize": "3", "configuredPoolSize": "7", "maxOverflow": "0", "configuredMaxOverflow": "1",
		},
		"other spellings": {
			"poolSize": "020", "maxOverflow": "+4", "poolTimeout": "30", "poolRecycle": "1h", "poolPrePing": "yes", "server": "", "a.b.": "c",
		},
	} {
		encoded, err := json.Marshal([]any{"s", 3, "", options})
		require.NoError(t, err)
		sum := sha256.Sum256(encoded)
		run := verdict.Run{Script: "s", Users: 3, Configuration: options}
		require.Equal(t, hex.EncodeToString(sum[:]), run.ConfigurationHash(), name)
		written, err := json.Marshal(run)
		require.NoError(t, err)
		var read verdict.Run
		require.NoError(t, json.Unmarshal(written, &read), name)
		require.Equal(t, run.ConfigurationHash(), read.ConfigurationHash(), name)
	}
	require.Error(t, json.Unmarshal([]byte(`{"configuration": {"poolSize": 20}}`), &verdict.Run{}))
}

func TestConfigurationOfAPool(t *testing.T) {
	c := verdict.Configuration{
		"poolSize": "3", "maxOverflow": "0", "configuredPoolSize": "7", "configuredMaxOverflow": "1", "poolTimeout": "30s",
		"monitor.server": "db",
	}
	c.SetPool("reports", map[string]string{"poolSize": "4", "maxOverflow": "2", "configuredPoolSize": "8"})
	for name, want := range map[string][]any{
		"reports": {4, 2, true}, verdict.DefaultPool: {3, 0, true}, "monitor": {3, 0, true}, // of which only the server is known
	} {
		size, overflow, known := c.Sizes(name)
		require.Equal(t, want, []any{size, overflow, known}, name)
	}
	require.Equal(t, verdict.Configuration{
		"poolSize": "7", "maxOverflow": "1", "poolTimeout": "30s", "monitor.server": "db", "reports.poolSize": "8", "reports.maxOverflow": "2",
	}, c.Whole())
	for _, c := range []verdict.Configuration{nil, {"poolSize": "020", "maxOverflow": "1"}, {"poolSize": "20"}} {
		_, _, known := c.Sizes(verdict.DefaultPool)
		require.False(t, known, c)
	}
}
