package sizing

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Fleet is what connects to a few servers: fleet.yaml.
type Fleet struct {
	Servers  map[string]fleetServer `yaml:"servers"`
	Poolers  map[string]pooler      `yaml:"poolers"`
	Services []service              `yaml:"services"`
}

// fleetServer is a PostgreSQL server, a primary or a replica.
type fleetServer struct {
	MaxConnections    int            `yaml:"max_connections"`
	SuperuserReserved *int           `yaml:"superuser_reserved_connections"` // nil: PostgreSQL's 3
	Reserved          int            `yaml:"reserved_connections"`
	Others            int            `yaml:"others"`    // consoles, monitoring, what is not listed
	Roles             map[string]int `yaml:"roles"`     // CONNECTION LIMIT by role, or NoLimit
	Databases         map[string]int `yaml:"databases"` // CONNECTION LIMIT by database, or NoLimit
}

// pooler is a PgBouncer in front of a server.
type pooler struct {
	Server          string `yaml:"server"`
	Instances       int    `yaml:"instances"`         // 0: one
	DefaultPoolSize int    `yaml:"default_pool_size"` // per role and database; 0: PgBouncer's 20
	ReservePoolSize int    `yaml:"reserve_pool_size"`
	MaxClientConn   int    `yaml:"max_client_conn"` // 0: PgBouncer's 100
}

// service opens connections: an application with pools, or with Connections jobs
// and consoles that have none.
type service struct {
	Name     string `yaml:"name"`
	Server   string `yaml:"server"` // a server, or
	Pooler   string `yaml:"pooler"` // a pooler
	Role     string `yaml:"role"`
	Database string `yaml:"database"`

	Instances    int `yaml:"instances"`     // at rest; 0: one
	MaxInstances int `yaml:"max_instances"` // of autoscaling; 0: as at rest
	Surge        int `yaml:"surge"`         // instances that a rollout adds to the old ones
	Workers      int `yaml:"workers"`       // processes of an instance; 0: one
	Engines      int `yaml:"engines"`       // pools of a process; 0: one
	CPUReaders   int `yaml:"cpu_readers"`   // connections of a process besides its pools: 1 of a k6 with this extension
	PoolSize     int `yaml:"pool_size"`
	MaxOverflow  int `yaml:"max_overflow"`
	Connections  int `yaml:"connections"` // of an instance without pools
}

// Load is how many connections somebody opens at most.
type Load struct {
	Rest    int `json:"rest"`
	Most    int `json:"most"`    // at the end of autoscaling
	Rollout int `json:"rollout"` // and all that rollouts start besides
}

func (l Load) plus(other Load) Load {
	return Load{l.Rest + other.Rest, l.Most + other.Most, l.Rollout + other.Rollout}
}

// Taken is what one service takes.
type Taken struct {
	Service string `json:"service"`
	Target  string `json:"target"` // the server or pooler
	Load
	Pools int `json:"pools"` // during a rollout; 0 without pools
	// Fits is the largest pool_size + max_overflow of each of its pools with which
	// everything fits, all else as it is; -1 without pools.
	Fits int `json:"fits"`

	beside int // connections besides its pools, during a rollout
}

// FleetLimit is one limit, and what there is under it.
type FleetLimit struct {
	Target  string `json:"target"`
	Setting string `json:"setting"` // max_connections, rolconnlimit, datconnlimit or max_client_conn
	Name    string `json:"name,omitempty"`
	Allowed int    `json:"allowed"`
	Load
	who []int // indexes of the services under it; nil where a pooler is between
}

// Fits tells whether the limit holds, during a rollout too.
func (l FleetLimit) Fits() bool { return l.Rollout <= l.Allowed }

// FleetBudget is who takes how many, and whether it fits.
type FleetBudget struct {
	Taken  []Taken      `json:"services"`
	Limits []FleetLimit `json:"limits"`
}

// Fits tells whether every limit holds.
func (b FleetBudget) Fits() bool {
	return !slices.ContainsFunc(b.Limits, func(l FleetLimit) bool { return !l.Fits() })
}

// Budget adds up the fleet. It fails with an error that names the entry.
func (f Fleet) Budget() (FleetBudget, error) {
	if err := f.check(); err != nil {
		return FleetBudget{}, err
	}
	var b FleetBudget
	for _, s := range f.Services {
		b.Taken = append(b.Taken, Taken{
			Service: s.Name, Target: cmp.Or(s.Server, s.Pooler), Load: s.load(), Pools: s.pools(s.rollout()), Fits: -1,
			beside: s.beside(s.rollout()),
		})
	}
	for _, name := range slices.Sorted(maps.Keys(f.Poolers)) {
		b.Limits = append(b.Limits, f.clients(name))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Servers)) {
		b.Limits = append(b.Limits, f.limitsOf(name)...)
	}
	for i := range b.Taken {
		if b.Taken[i].Pools > 0 {
			b.Taken[i].Fits = b.largest(i)
		}
	}
	return b, nil
}

// largest is how large the pools of a service may be. Behind a pooler only its
// clients are limited.
func (b FleetBudget) largest(service int) int {
	least := MaxConnections
	for _, l := range b.Limits {
		if slices.Contains(l.who, service) {
			rest := l.Allowed - (l.Rollout - b.Taken[service].Rollout) - b.Taken[service].beside
			least = min(least, max(0, rest)/b.Taken[service].Pools)
		}
	}
	return least
}

func (s service) rest() int    { return max(1, s.Instances) }
func (s service) most() int    { return max(s.rest(), s.MaxInstances) }
func (s service) rollout() int { return s.most() + s.Surge }

func (s service) pools(instances int) int {
	if s.Connections > 0 {
		return 0
	}
	return instances * max(1, s.Workers) * max(1, s.Engines)
}

func (s service) beside(instances int) int { return instances * max(1, s.Workers) * s.CPUReaders }

func (s service) load() Load {
	of := func(instances int) int {
		if s.Connections > 0 {
			return instances * s.Connections
		}
		return s.pools(instances)*(s.PoolSize+s.MaxOverflow) + s.beside(instances)
	}
	return Load{of(s.rest()), of(s.most()), of(s.rollout())}
}

func (p pooler) instances() int { return max(1, p.Instances) }

// clients is a pooler's limit on those who connect to it.
func (f Fleet) clients(name string) FleetLimit {
	const usual = 100
	p := f.Poolers[name]
	l := FleetLimit{Target: name, Setting: "max_client_conn", Allowed: p.instances() * cmp.Or(p.MaxClientConn, usual)}
	for i, s := range f.Services {
		if s.Pooler == name {
			l.Load, l.who = l.plus(s.load()), append(l.who, i)
		}
	}
	return l
}

// demand is a number of connections of one role in one database.
type demand struct {
	role, database string
	Load
	who []int
}

// demands are those of a server: of each service, and of each pooler for each role
// and database, which it serves with default_pool_size + reserve_pool_size
// connections at most.
func (f Fleet) demands(server string) []demand {
	const usual = 20
	var all []demand
	for i, s := range f.Services {
		if s.Server == server {
			all = append(all, demand{s.Role, s.Database, s.load(), []int{i}})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Poolers)) {
		p := f.Poolers[name]
		if p.Server != server {
			continue
		}
		behind := map[[2]string]Load{}
		for _, s := range f.Services {
			if s.Pooler == name {
				key := [2]string{s.Role, s.Database}
				behind[key] = behind[key].plus(s.load())
			}
		}
		most := p.instances() * (cmp.Or(p.DefaultPoolSize, usual) + p.ReservePoolSize)
		for key, clients := range behind {
			all = append(all, demand{key[0], key[1], Load{min(most, clients.Rest), min(most, clients.Most), min(most, clients.Rollout)}, nil})
		}
	}
	return all
}

// limitsOf are a server's own limit and those of its roles and databases.
func (f Fleet) limitsOf(name string) []FleetLimit {
	s := f.Servers[name]
	available, _ := Server{MaxConnections: s.MaxConnections, SuperuserReserved: s.superuserReserved(), Reserved: s.Reserved, Others: s.Others}.Available()
	demands := f.demands(name)
	under := func(setting, of string, allowed int, counts func(demand) bool) FleetLimit {
		l := FleetLimit{Target: name, Setting: setting, Name: of, Allowed: allowed}
		for _, d := range demands {
			if counts(d) {
				l.Load, l.who = l.plus(d.Load), append(l.who, d.who...)
			}
		}
		return l
	}
	limits := []FleetLimit{under("max_connections", "", available, func(demand) bool { return true })}
	for _, role := range limited(s.Roles) {
		limits = append(limits, under("rolconnlimit", role, s.Roles[role], func(d demand) bool { return d.role == role }))
	}
	for _, database := range limited(s.Databases) {
		limits = append(limits, under("datconnlimit", database, s.Databases[database], func(d demand) bool { return d.database == database }))
	}
	return limits
}

// limited are the names of those with a CONNECTION LIMIT, in order.
func limited(limits map[string]int) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(limits)), func(name string) bool { return limits[name] == NoLimit })
}

func (s fleetServer) superuserReserved() int {
	const usual = 3
	if s.SuperuserReserved != nil {
		return *s.SuperuserReserved
	}
	return usual
}

// check finds the first entry that cannot be counted.
func (f Fleet) check() error {
	if len(f.Services) == 0 {
		return &InputError{"services", "none", "at least one service"}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Servers)) {
		if err := f.Servers[name].check("server " + name + ": "); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Poolers)) {
		p, at := f.Poolers[name], "pooler "+name+": "
		if _, known := f.Servers[p.Server]; !known {
			return &InputError{at + "server", fmt.Sprintf("%q", p.Server), "one of servers"}
		}
		if err := cmp.Or(
			checkCount(at+"instances", p.Instances, 0, maxPools),
			checkCount(at+"default_pool_size", p.DefaultPoolSize, 0, MaxConnections),
			checkCount(at+"reserve_pool_size", p.ReservePoolSize, 0, MaxConnections),
			checkCount(at+"max_client_conn", p.MaxClientConn, 0, math.MaxInt32),
		); err != nil {
			return err
		}
	}
	for i, s := range f.Services {
		if err := f.checkService(s, fmt.Sprintf("service %s: ", cmp.Or(s.Name, fmt.Sprint(i+1)))); err != nil {
			return err
		}
	}
	return nil
}

func (s fleetServer) check(at string) error {
	err := cmp.Or(
		checkCount(at+"max_connections", s.MaxConnections, 1, MaxConnections),
		checkCount(at+"superuser_reserved_connections", s.superuserReserved(), 0, MaxConnections),
		checkCount(at+"reserved_connections", s.Reserved, 0, MaxConnections),
		checkCount(at+"others", s.Others, 0, MaxConnections),
	)
	return cmp.Or(err, checkLimits(at+"roles: ", s.Roles), checkLimits(at+"databases: ", s.Databases))
}

func checkLimits(at string, limits map[string]int) error {
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		if err := checkCount(at+name, limits[name], NoLimit, math.MaxInt32); err != nil {
			return err
		}
	}
	return nil
}

func (f Fleet) checkService(s service, at string) error {
	_, server := f.Servers[s.Server]
	_, pooler := f.Poolers[s.Pooler]
	switch {
	case s.Name == "":
		return &InputError{at + "name", "missing", "a name"}
	case (s.Server == "") == (s.Pooler == ""):
		return &InputError{at + "server and pooler", fmt.Sprintf("%q and %q", s.Server, s.Pooler), "one of the two"}
	case s.Server != "" && !server:
		return &InputError{at + "server", fmt.Sprintf("%q", s.Server), "one of servers"}
	case s.Pooler != "" && !pooler:
		return &InputError{at + "pooler", fmt.Sprintf("%q", s.Pooler), "one of poolers"}
	}
	return cmp.Or(s.checkPools(at), s.checkCounts(at))
}

func (s service) checkPools(at string) error {
	switch {
	case s.Connections > 0 && (s.PoolSize > 0 || s.MaxOverflow > 0 || s.Workers > 0 || s.Engines > 0 || s.CPUReaders > 0):
		return &InputError{at + "connections", s.Connections, "a service without pool_size, max_overflow, workers, engines and cpu_readers"}
	case s.Connections == 0 && s.PoolSize == 0:
		return &InputError{at + "pool_size", 0, "1 or more, or connections"}
	case s.MaxInstances > 0 && s.MaxInstances < s.rest():
		return &InputError{at + "max_instances", s.MaxInstances, fmt.Sprintf("at least the %d instances at rest", s.rest())}
	}
	return nil
}

func (s service) checkCounts(at string) error {
	return cmp.Or(
		checkCount(at+"instances", s.Instances, 0, maxPools),
		checkCount(at+"max_instances", s.MaxInstances, 0, maxPools),
		checkCount(at+"surge", s.Surge, 0, maxPools),
		checkCount(at+"workers", s.Workers, 0, maxPools),
		checkCount(at+"engines", s.Engines, 0, maxPools),
		checkCount(at+"cpu_readers", s.CPUReaders, 0, maxPools),
		checkCount(at+"pool_size", s.PoolSize, 0, MaxConnections),
		checkCount(at+"max_overflow", s.MaxOverflow, 0, MaxConnections),
		checkCount(at+"connections", s.Connections, 0, MaxConnections),
	)
}
