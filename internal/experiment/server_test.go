package experiment

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
)

// The error names the tightest of the server's settings and what it leaves.
func TestServerLeavesTooLittle(t *testing.T) {
	for _, c := range []struct {
		server    Server
		available int
		says      string
	}{
		{Server{Server: sizing.Server{MaxConnections: 50, SuperuserReserved: 3, Others: 7}}, 40,
			"the server leaves 40 (max_connections 50 - 3 reserved - 7 for others): use a smaller pool or raise max_connections"},
		{Server{Cores: 2, Server: sizing.Server{MaxConnections: 50, SuperuserReserved: 2, Reserved: 1, Others: 7}}, 39,
			"max_connections 50 - 3 reserved - 7 for others - 1 to read the CPU)"},
		{Server{Server: sizing.Server{MaxConnections: 500, RoleLimit: 20, DatabaseLimit: 30}}, 20,
			"the server leaves 20 (rolconnlimit 20): use a smaller pool or raise rolconnlimit"},
		{Server{Server: sizing.Server{MaxConnections: 500, RoleLimit: 30, RoleOthers: 12, DatabaseLimit: 20}}, 18,
			"the server leaves 18 (rolconnlimit 30 - 12 for others)"},
		{Server{Cores: 2, Server: sizing.Server{MaxConnections: 500, RoleLimit: 200, DatabaseLimit: 30}}, 29,
			"the server leaves 29 (datconnlimit 30 - 1 to read the CPU): use a smaller pool or raise datconnlimit"},
		{Server{Server: sizing.Server{MaxConnections: 5, Others: 9, RoleLimit: 3}}, 0, "max_connections 5"},
	} {
		fits := planOf(t, map[string]any{"plan": "before-after", "users": int64(max(c.available, 1))})
		if c.available > 0 {
			require.NoError(t, fits.Prepare(c.server))
		}
		plan := planOf(t, map[string]any{"plan": "before-after", "users": int64(c.available + 1)})
		err := plan.Prepare(c.server)
		require.ErrorContains(t, err, fmt.Sprintf("the server leaves %d (", c.available))
		require.ErrorContains(t, err, c.says)
	}
}
