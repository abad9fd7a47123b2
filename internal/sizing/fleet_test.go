package sizing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func byHand() Fleet {
	return Fleet{
		Servers: map[string]fleetServer{
			"primary": {MaxConnections: 200, Others: 5, Roles: map[string]int{"jobs": 10}, Databases: map[string]int{"flowboard": 180}},
			"replica": {MaxConnections: 100},
		},
		Poolers: map[string]pooler{"bouncer": {Server: "replica", Instances: 2, DefaultPoolSize: 15, ReservePoolSize: 5, MaxClientConn: 150}},
		Services: []service{
			{Name: "api", Server: "primary", Role: "app", Database: "flowboard", Instances: 2, MaxInstances: 3, Surge: 1, Workers: 4, PoolSize: 5, MaxOverflow: 3},
			{Name: "nightly", Server: "primary", Role: "jobs", Database: "flowboard", Instances: 1, Surge: 1, Connections: 4},
			{Name: "reports", Pooler: "bouncer", Role: "app", Database: "flowboard", Instances: 2, Workers: 2, Engines: 2, PoolSize: 10, MaxOverflow: 10},
		},
	}
}

// By hand: 2 × 4 × 8 at rest, 3 × 4 × 8 at most, 4 × 4 × 8 during a rollout.
func TestFleetBudgetByHand(t *testing.T) {
	b, err := byHand().Budget()
	require.NoError(t, err)
	require.Equal(t, []Taken{
		{"api", "primary", Load{64, 96, 128}, 16, 10, 0},
		{"nightly", "primary", Load{4, 4, 8}, 0, -1, 0},
		{"reports", "bouncer", Load{160, 160, 160}, 8, 37, 0},
	}, b.Taken)
	limits := map[string]FleetLimit{}
	for _, l := range b.Limits {
		l.who = nil
		limits[l.Target+" "+l.Setting+" "+l.Name] = l
	}
	require.Equal(t, FleetLimit{"primary", "max_connections", "", 192, Load{68, 100, 136}, nil}, limits["primary max_connections "])
	require.Equal(t, FleetLimit{"primary", "rolconnlimit", "jobs", 10, Load{4, 4, 8}, nil}, limits["primary rolconnlimit jobs"])
	require.Equal(t, FleetLimit{"primary", "datconnlimit", "flowboard", 180, Load{68, 100, 136}, nil}, limits["primary datconnlimit flowboard"])
	require.Equal(t, FleetLimit{"bouncer", "max_client_conn", "", 300, Load{160, 160, 160}, nil}, limits["bouncer max_client_conn "])
	require.Equal(t, FleetLimit{"replica", "max_connections", "", 97, Load{40, 40, 40}, nil}, limits["replica max_connections "], "2 × (15 + 5) of one role in one database")
	require.True(t, b.Fits())
}

// What superusers keep is PostgreSQL's 3 unless the file says otherwise, 0 too; -1 is
// PostgreSQL's way to say that a role or database has no limit.
func TestFleetServerAsItIsConfigured(t *testing.T) {
	f := byHand()
	f.Servers["replica"] = fleetServer{MaxConnections: 100, SuperuserReserved: new(0), Databases: map[string]int{"flowboard": NoLimit}, Roles: map[string]int{"app": 30, "jobs": NoLimit}}
	b, err := f.Budget()
	require.NoError(t, err)
	allowed := map[string]int{}
	for _, l := range b.Limits {
		if l.Target == "replica" {
			allowed[l.Setting+" "+l.Name] = l.Allowed
		}
	}
	require.Equal(t, map[string]int{"max_connections ": 100, "rolconnlimit app": 30}, allowed)
}

// k6 with this extension has one connection more of each process.
func TestFleetCountsWhatReadsTheCPU(t *testing.T) {
	f := byHand()
	f.Services[0].CPUReaders = 1
	b, err := f.Budget()
	require.NoError(t, err)
	require.Equal(t, Load{64 + 2*4, 96 + 3*4, 128 + 4*4}, b.Taken[0].Load)
	require.Equal(t, 9, b.Taken[0].Fits, "(180 - 8 - 16) / 16")
	f.Services[0].PoolSize, f.Services[0].MaxOverflow = 9, 0
	b, err = f.Budget()
	require.NoError(t, err)
	require.True(t, b.Fits())
	f.Services[0].PoolSize = 10
	b, err = f.Budget()
	require.NoError(t, err)
	require.False(t, b.Fits())
}

// A rollout may be what does not fit, and the largest pool that does is the
// largest.
func TestFleetLargestPoolFits(t *testing.T) {
	f := byHand()
	f.Services[0].Surge = 3
	b, err := f.Budget()
	require.NoError(t, err)
	require.False(t, b.Fits())
	require.Equal(t, 7, b.Taken[0].Fits, "(180 - 8) / (6 × 4)")
	for size, fits := range map[int]bool{7: true, 8: false} {
		f.Services[0].PoolSize, f.Services[0].MaxOverflow = size, 0
		b, err = f.Budget()
		require.NoError(t, err)
		require.Equal(t, fits, b.Fits(), size)
	}
	f.Servers["primary"] = fleetServer{MaxConnections: 5}
	b, err = f.Budget()
	require.NoError(t, err)
	require.Zero(t, b.Taken[0].Fits)
}

func TestFleetRefusesWhatCannotBeCounted(t *testing.T) {
	for want, change := range map[string]func(*Fleet){
		"services: none is not accepted; use at least one service":            func(f *Fleet) { f.Services = nil },
		"server primary: max_connections: 0 is not accepted; use 1 to 262143": func(f *Fleet) { f.Servers["primary"] = fleetServer{} },
		"server primary: superuser_reserved_connections: -1 is not accepted; use 0 to 262143": func(f *Fleet) {
			f.Servers["primary"] = fleetServer{MaxConnections: 100, SuperuserReserved: new(-1)}
		},
		"server primary: roles: jobs: -2 is not accepted; use -1 to 2147483647":                                                            func(f *Fleet) { f.Servers["primary"].Roles["jobs"] = -2 },
		"server primary: databases: flowboard: -9 is not accepted; use -1 to 2147483647":                                                   func(f *Fleet) { f.Servers["primary"].Databases["flowboard"] = -9 },
		"pooler bouncer: max_client_conn: -1 is not accepted; use 0 to 2147483647":                                                         func(f *Fleet) { f.Poolers["bouncer"] = pooler{Server: "replica", MaxClientConn: -1} },
		`service reports: pooler: "elsewhere" is not accepted; use one of poolers`:                                                         func(f *Fleet) { f.Services[2].Pooler = "elsewhere" },
		"service nightly: connections: 4 is not accepted; use a service without pool_size, max_overflow, workers, engines and cpu_readers": func(f *Fleet) { f.Services[1].PoolSize = 5 },
		`service api: server: "elsewhere" is not accepted; use one of servers`:                                                             func(f *Fleet) { f.Services[0].Server = "elsewhere" },
		`service api: server and pooler: "" and "" is not accepted; use one of the two`:                                                    func(f *Fleet) { f.Services[0].Server = "" },
		"service 1: name: missing is not accepted; use a name":                                                                             func(f *Fleet) { f.Services[0].Name = "" },
		"service api: pool_size: 0 is not accepted; use 1 or more, or connections":                                                         func(f *Fleet) { f.Services[0].PoolSize = 0 },
		"service api: max_instances: 1 is not accepted; use at least the 2 instances at rest":                                              func(f *Fleet) { f.Services[0].MaxInstances = 1 },
		"service api: workers: -1 is not accepted; use 0 to 10000":                                                                         func(f *Fleet) { f.Services[0].Workers = -1 },
		`pooler bouncer: server: "" is not accepted; use one of servers`:                                                                   func(f *Fleet) { f.Poolers["bouncer"] = pooler{} },
	} {
		f := byHand()
		change(&f)
		_, err := f.Budget()
		var refused *InputError
		require.ErrorAs(t, err, &refused, want)
		require.EqualError(t, err, want)
	}
}
