package sizing

import "math"

// NoLimit is the value of rolconnlimit and datconnlimit that means no limit.
const NoLimit = -1

// Server is what a PostgreSQL server allows, in connections.
type Server struct {
	MaxConnections    int // max_connections
	SuperuserReserved int // superuser_reserved_connections
	Reserved          int // reserved_connections, PostgreSQL 16 and later
	Other             int // kept free for other applications
	RoleLimit         int // rolconnlimit of the application's role, or NoLimit
	DatabaseLimit     int // datconnlimit of its database, or NoLimit
}

func (s Server) check() error {
	err := firstError(
		checkCount("max_connections", s.MaxConnections, 1, MaxConnections),
		checkCount("superuser_reserved_connections", s.SuperuserReserved, 0, MaxConnections),
		checkCount("reserved_connections", s.Reserved, 0, MaxConnections),
		checkCount("connections of other applications", s.Other, 0, MaxConnections),
		checkCount("rolconnlimit", s.RoleLimit, NoLimit, math.MaxInt32),
		checkCount("datconnlimit", s.DatabaseLimit, NoLimit, math.MaxInt32),
	)
	return err
}

// Deployment is an application whose workers have a pool each.
type Deployment struct {
	Instances int // 1 to MaxPools
	Workers   int // of each instance, 1 to MaxPools
	Size      int // pool_size, 1 or more
	Overflow  int // max_overflow, 0 or more
	// PgBouncerPoolSize is PgBouncer's default_pool_size where the pools
	// connect to PgBouncer instead of the server, otherwise 0.
	PgBouncerPoolSize int
}

func (d Deployment) check() error {
	return firstError(
		checkCount("instances", d.Instances, 1, MaxPools),
		checkCount("workers", d.Workers, 1, MaxPools),
		checkCount("instances × workers", d.Pools(), 1, MaxPools),
		checkCount("pool size", d.Size, 1, MaxConnections),
		checkCount("max overflow", d.Overflow, 0, MaxConnections),
		checkCount("PgBouncer's default_pool_size", d.PgBouncerPoolSize, 0, MaxConnections),
	)
}

// Pools is the number of pools.
func (d Deployment) Pools() int { return d.Instances * d.Workers }

// Clients is the number of connections all pools open at most.
func (d Deployment) Clients() int { return d.Pools() * (d.Size + d.Overflow) }

// Budget compares the connections that a deployment opens at most with those
// that the server has for it:
//
//	instances × workers × (size + overflow) <=
//	    max_connections - superuser_reserved - reserved - other
//
// Behind PgBouncer the left side is its default_pool_size, as long as one
// database and one role are used. The limits of the role and of the database
// hold as well.
//
// Source: PostgreSQL documentation, "Connections and Authentication" (20.3)
// and CREATE ROLE; PgBouncer documentation, default_pool_size.
type Budget struct {
	Needed    int // connections opened on the server at most
	Available int // connections the server has for them, 0 or more
	// Limit names the setting that decides Available: max_connections,
	// rolconnlimit or datconnlimit.
	Limit string
}

// Check makes up the budget. It fails with an [InputError] for a value out of
// range; a budget that does not fit is no error here.
func (s Server) Check(d Deployment) (Budget, error) {
	if err := firstError(s.check(), d.check()); err != nil {
		return Budget{}, err
	}
	budget := Budget{
		Needed:    d.Clients(),
		Available: max(0, s.MaxConnections-s.SuperuserReserved-s.Reserved-s.Other),
		Limit:     "max_connections",
	}
	if d.PgBouncerPoolSize > 0 {
		budget.Needed = min(d.PgBouncerPoolSize, d.Clients())
	}
	budget.limit("rolconnlimit", s.RoleLimit)
	budget.limit("datconnlimit", s.DatabaseLimit)
	return budget, nil
}

func (b *Budget) limit(name string, limit int) {
	if limit != NoLimit && limit < b.Available {
		b.Available, b.Limit = limit, name
	}
}

// Fits tells whether the server has enough connections.
func (b Budget) Fits() bool { return b.Needed <= b.Available }

// Spare is the number of connections left over, below 0 where they do not fit.
func (b Budget) Spare() int { return b.Available - b.Needed }

// PerPool is the largest size + overflow of each of so many pools that fits
// without PgBouncer, 0 where not even one connection each does.
func (b Budget) PerPool(pools int) int { return b.Available / max(pools, 1) }
