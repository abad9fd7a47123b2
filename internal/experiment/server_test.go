package experiment_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/experiment"
)

// The error names the tightest of the server's settings and what it leaves.
func TestServerLeavesTooLittle(t *testing.T) {
	for _, c := range []struct {
		server    experiment.Server
		available int
		says      string
	}{
		{experiment.Server{MaxConnections: 50, Reserved: 3, InUse: 7}, 40,
			"the server leaves 40 (max_connections 50 - 3 reserved - 7 in use by others): use a smaller pool or raise max_connections"},
		{experiment.Server{Cores: 2, MaxConnections: 50, Reserved: 3, InUse: 7}, 39,
			"7 in use by others - 1 to read the CPU)"},
		{experiment.Server{MaxConnections: 500, RoleLimit: 20, DatabaseLimit: 30}, 20,
			"the server leaves 20 (the role's CONNECTION LIMIT 20): use a smaller pool or raise the role's CONNECTION LIMIT"},
		{experiment.Server{Cores: 2, MaxConnections: 500, RoleLimit: 200, DatabaseLimit: 30}, 29,
			"the server leaves 29 (the database's CONNECTION LIMIT 30 - 1 to read the CPU): use a smaller pool or raise the database's CONNECTION LIMIT"},
		{experiment.Server{MaxConnections: 5, InUse: 9, RoleLimit: 3}, 0, "max_connections 5"},
	} {
		fits := planOf(t, map[string]any{"plan": "before-after", "users": int64(max(c.available, 1))})
		if c.available > 0 {
			require.NoError(t, fits.Prepare(c.server))
		}
		var refused *experiment.ServerError
		plan := planOf(t, map[string]any{"plan": "before-after", "users": int64(c.available + 1)})
		require.ErrorAs(t, plan.Prepare(c.server), &refused)
		require.Equal(t, c.available, refused.Available)
		require.Contains(t, refused.Error(), c.says)
	}
}
