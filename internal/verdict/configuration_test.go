package verdict_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

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
		run := verdict.Run{Script: "s", Users: 3, Configuration: verdict.ConfigurationOf(options)}
		require.Equal(t, options, run.Configuration.ByName(), name)
		require.Equal(t, hex.EncodeToString(sum[:]), run.ConfigurationHash(), name)
		written, err := json.Marshal(run)
		require.NoError(t, err)
		var read verdict.Run
		require.NoError(t, json.Unmarshal(written, &read), name)
		require.Equal(t, options, read.Configuration.ByName(), name)
	}
	require.Error(t, json.Unmarshal([]byte(`{"configuration": {"poolSize": 20}}`), &verdict.Run{}))
}

func TestConfigurationIsTyped(t *testing.T) {
	c := verdict.ConfigurationOf(map[string]string{
		"poolSize": "3", "maxOverflow": "0", "configuredPoolSize": "7", "configuredMaxOverflow": "1", "poolTimeout": "30s", "poolPrePing": "false",
		"reports.poolSize": "4", "reports.maxOverflow": "2", "monitor.server": "db",
	})
	size, overflow, known := c.Pool("reports").Sizes()
	require.Equal(t, []any{4, 2, true}, []any{size, overflow, known})
	require.Equal(t, 30*time.Second, *c.DefaultPool().PoolTimeout)
	require.False(t, *c.DefaultPool().PoolPrePing)
	require.Nil(t, c.DefaultPool().PoolRecycle)
	require.Equal(t, c.DefaultPool(), c.Pool("monitor"), "of which only the server is known")
	size, overflow, _ = c.DefaultPool().Whole().Sizes()
	require.Equal(t, []int{7, 1}, []int{size, overflow})
	require.NotContains(t, c.DefaultPool().Whole().ByName(), "configuredPoolSize")
	require.Empty(t, c.Settings)
	_, _, known = verdict.Configuration{}.DefaultPool().Sizes()
	require.False(t, known)
}
