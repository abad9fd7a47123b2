package sizing

import (
	"cmp"
	"fmt"
	"math"
)

// NoLimit is the value of rolconnlimit and datconnlimit that means no limit. 0,
// with which nobody could connect, is taken for none as well.
const NoLimit = -1

// Server is what is known of a PostgreSQL server's limits on connections.
type Server struct {
	MaxConnections    int `json:"max_connections"`                // 0: not known
	SuperuserReserved int `json:"superuser_reserved_connections"` // for superusers alone
	Reserved          int `json:"reserved_connections"`           // PostgreSQL 16 and later
	// Others are connections in use by other applications, or kept free for them.
	Others         int `json:"others"`
	RoleLimit      int `json:"rolconnlimit"`    // of the application's role, or NoLimit
	RoleOthers     int `json:"others_of_role"`  // of Others, those of the same role
	DatabaseLimit  int `json:"datconnlimit"`    // of its database, or NoLimit
	DatabaseOthers int `json:"others_database"` // of Others, those in the same database
	// CPUReaders are connections besides the pools' that read the CPU: one of each
	// load test or monitor, as the same role and in the same database.
	CPUReaders int `json:"cpu_readers"`
}

func (s Server) check() error {
	return cmp.Or(
		checkCount("max_connections", s.MaxConnections, 1, MaxConnections),
		checkCount("superuser_reserved_connections", s.SuperuserReserved, 0, MaxConnections),
		checkCount("reserved_connections", s.Reserved, 0, MaxConnections),
		checkCount("connections of other applications", s.Others, 0, MaxConnections),
		checkCount("connections that read the CPU", s.CPUReaders, 0, MaxConnections),
		checkCount("rolconnlimit", s.RoleLimit, NoLimit, math.MaxInt32),
		checkCount("datconnlimit", s.DatabaseLimit, NoLimit, math.MaxInt32),
	)
}

// Limit is one limit on connections, and how much of it is taken.
type Limit struct {
	// Scope is "server" (max_connections less what is reserved for others),
	// "database" or "role" (CONNECTION LIMIT).
	Scope string `json:"scope"`
	Name  string `json:"name,omitempty"` // of the database or role
	Max   int    `json:"max"`
	Used  int    `json:"used"` // by every client under the limit
}

// Room is how many more connections the limit allows, below 0 where a
// reserved one is in use.
func (l Limit) Room() int { return l.Max - l.Used }

// Setting is the server's name of the limit.
func (l Limit) Setting() string {
	switch l.Scope {
	case "role":
		return "rolconnlimit"
	case "database":
		return "datconnlimit"
	default:
		return "max_connections"
	}
}

// Tightest is the limit with the least room, the first of several; ok is false
// where there is none.
func Tightest(limits []Limit) (least Limit, ok bool) {
	for i, l := range limits {
		if i == 0 || l.Room() < least.Room() {
			least = l
		}
	}
	return least, len(limits) > 0
}

// Limits are those that hold for an ordinary role, the server's first; none
// where max_connections is not known.
func (s Server) Limits() []Limit {
	if s.MaxConnections <= 0 {
		return nil
	}
	limits := []Limit{{Scope: "server", Max: s.MaxConnections - s.SuperuserReserved - s.Reserved, Used: s.Others + s.CPUReaders}}
	if s.RoleLimit > 0 {
		limits = append(limits, Limit{Scope: "role", Max: s.RoleLimit, Used: s.RoleOthers + s.CPUReaders})
	}
	if s.DatabaseLimit > 0 {
		limits = append(limits, Limit{Scope: "database", Max: s.DatabaseLimit, Used: s.DatabaseOthers + s.CPUReaders})
	}
	return limits
}

// Available is how many connections the server leaves, by its tightest limit;
// known is false where it does not say.
func (s Server) Available() (connections int, known bool) {
	limit, known := Tightest(s.Limits())
	return max(0, limit.Room()), known
}

// Arithmetic says how [Server.Available] came about.
func (s Server) Arithmetic() string {
	limit, _ := Tightest(s.Limits())
	text := fmt.Sprintf("%s %d", limit.Setting(), limit.Max)
	if limit.Scope == "server" {
		text = fmt.Sprintf("%s %d - %d reserved", limit.Setting(), s.MaxConnections, s.SuperuserReserved+s.Reserved)
	}
	if others := limit.Used - s.CPUReaders; others > 0 {
		text += fmt.Sprintf(" - %d for others", others)
	}
	if s.CPUReaders > 0 {
		text += fmt.Sprintf(" - %d to read the CPU", s.CPUReaders)
	}
	return text
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
	return cmp.Or(
		checkCount("instances", d.Instances, 1, maxPools),
		checkCount("workers", d.Workers, 1, maxPools),
		checkCount("instances × workers", d.Pools(), 1, maxPools),
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
//	    max_connections - superuser_reserved - reserved - others - CPU readers
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

// Check makes up the budget. It fails for a value out of
// range; a budget that does not fit is no error here.
func (s Server) Check(d Deployment) (Budget, error) {
	if err := cmp.Or(s.check(), d.check()); err != nil {
		return Budget{}, err
	}
	limit, _ := Tightest(s.Limits())
	budget := Budget{Needed: d.Clients(), Available: max(0, limit.Room()), Limit: limit.Setting()}
	if d.PgBouncerPoolSize > 0 {
		budget.Needed = min(d.PgBouncerPoolSize, d.Clients())
	}
	return budget, nil
}

// Fits tells whether the server has enough connections.
func (b Budget) Fits() bool { return b.Needed <= b.Available }

// Spare is the number of connections left over, below 0 where they do not fit.
func (b Budget) Spare() int { return b.Available - b.Needed }

// PerPool is the largest size + overflow of each of so many pools that fits
// without PgBouncer, 0 where not even one connection each does.
func (b Budget) PerPool(pools int) int { return b.Available / max(pools, 1) }
