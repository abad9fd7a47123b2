package sizing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

var fresh = Server{MaxConnections: 100, SuperuserReserved: 3, RoleLimit: NoLimit, DatabaseLimit: NoLimit}

func TestBudget(t *testing.T) {
	tuned := Deployment{Instances: 4, Workers: 4, Size: 20, Overflow: 40}
	with := func(change func(*Server, *Deployment)) (Server, Deployment) {
		s, d := fresh, tuned
		change(&s, &d)
		return s, d
	}
	for name, row := range map[string]struct {
		change func(*Server, *Deployment)
		want   Budget
	}{
		"the tuned pool on a fresh server": {
			func(*Server, *Deployment) {},
			Budget{Needed: 960, Available: 97, Limit: "max_connections"},
		},
		"one worker": {
			func(_ *Server, d *Deployment) { d.Instances, d.Workers = 1, 1 },
			Budget{Needed: 60, Available: 97, Limit: "max_connections"},
		},
		"everything reserved": {
			func(s *Server, _ *Deployment) { s.Reserved, s.Others = 7, 20 },
			Budget{Needed: 960, Available: 70, Limit: "max_connections"},
		},
		"nothing left": {
			func(s *Server, _ *Deployment) { s.Others = 500 },
			Budget{Needed: 960, Available: 0, Limit: "max_connections"},
		},
		"the role's limit decides": {
			func(s *Server, _ *Deployment) { s.RoleLimit, s.DatabaseLimit = 50, 60 },
			Budget{Needed: 960, Available: 50, Limit: "rolconnlimit"},
		},
		"the database's limit decides, less what others have": {
			func(s *Server, _ *Deployment) {
				s.RoleLimit, s.DatabaseLimit, s.Others, s.DatabaseOthers = 50, 45, 9, 5
			},
			Budget{Needed: 960, Available: 40, Limit: "datconnlimit"},
		},
		"what reads the CPU counts under every limit": {
			func(s *Server, _ *Deployment) { s.RoleLimit, s.CPUReaders = 50, 1 },
			Budget{Needed: 960, Available: 49, Limit: "rolconnlimit"},
		},
		"a limit above what is left changes nothing": {
			func(s *Server, _ *Deployment) { s.RoleLimit = 98 },
			Budget{Needed: 960, Available: 97, Limit: "max_connections"},
		},
		"PgBouncer": {
			func(_ *Server, d *Deployment) { d.PgBouncerPoolSize = 20 },
			Budget{Needed: 20, Available: 97, Limit: "max_connections"},
		},
		"PgBouncer opens no more than its clients ask for": {
			func(_ *Server, d *Deployment) { d.PgBouncerPoolSize = 2000 },
			Budget{Needed: 960, Available: 97, Limit: "max_connections"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, deployment := with(row.change)
			budget, err := server.Check(deployment)
			require.NoError(t, err)
			require.Equal(t, row.want, budget)
			require.Equal(t, row.want.Needed <= row.want.Available, budget.Fits())
			require.Equal(t, row.want.Available-row.want.Needed, budget.Spare())
		})
	}
}

// The arithmetic is that of the limit that decides, and leaves out what is nothing.
func TestArithmeticIsTheTightestLimits(t *testing.T) {
	for want, s := range map[string]Server{
		"max_connections 100 - 3 reserved":                                     fresh,
		"max_connections 100 - 8 reserved - 20 for others":                     {MaxConnections: 100, SuperuserReserved: 3, Reserved: 5, Others: 20},
		"max_connections 100 - 0 reserved - 20 for others - 2 to read the CPU": {MaxConnections: 100, Others: 20, CPUReaders: 2},
		"rolconnlimit 50 - 4 for others - 1 to read the CPU":                   {MaxConnections: 100, RoleLimit: 50, Others: 9, RoleOthers: 4, CPUReaders: 1},
		"datconnlimit 30": {MaxConnections: 100, RoleLimit: 50, DatabaseLimit: 30, Others: 9},
	} {
		require.Equal(t, want, s.Arithmetic())
	}
	available, known := Server{}.Available()
	require.Equal(t, [2]any{0, false}, [2]any{available, known}, "a server that does not say")
}

func TestBudgetPerPoolIsTheLargestThatFits(t *testing.T) {
	for available := range 200 {
		for _, pools := range []int{1, 3, 16} {
			server := fresh
			server.MaxConnections = available + server.SuperuserReserved
			if server.MaxConnections == 0 {
				continue
			}
			budget, err := server.Check(Deployment{Instances: pools, Workers: 1, Size: 1})
			require.NoError(t, err)
			size := budget.PerPool(pools)
			require.LessOrEqual(t, size*pools, available)
			require.Greater(t, (size+1)*pools, available)
		}
	}
}

func TestBudgetExactlyFull(t *testing.T) {
	budget, err := fresh.Check(Deployment{Instances: 97, Workers: 1, Size: 1})
	require.NoError(t, err)
	require.True(t, budget.Fits())
	require.Zero(t, budget.Spare())

	budget, err = fresh.Check(Deployment{Instances: 98, Workers: 1, Size: 1})
	require.NoError(t, err)
	require.False(t, budget.Fits())
}
