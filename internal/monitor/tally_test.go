package monitor

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReportOfNothing(t *testing.T) {
	var tally Tally
	report := tally.Report()
	require.Nil(t, report.Active)
	require.Zero(t, report.Samples)
}

// The runbook's four lines, and a moment in which the server was away.
func TestReport(t *testing.T) {
	var tally Tally
	start := time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)
	cpu := 30.0
	for i, active := range []int{5, 12, 18, 42} {
		tally.Add(Sample{
			Time: start.Add(time.Duration(5*i) * time.Second), Pool: tuned,
			Database:    &Database{Sessions: Sessions{Open: 42, Active: active, LongestTransaction: float64(i)}},
			Application: &Application{Size: 20, CheckedOut: active + 1, Complete: true},
		})
	}
	tally.Add(Sample{Time: start.Add(20 * time.Second), Pool: tuned, Err: errors.New("away")})
	tally.Add(Sample{
		Time: start.Add(25 * time.Second), Pool: tuned,
		Database: &Database{CPU: &cpu},
	})

	report := tally.Report()
	require.Equal(t, 25*time.Second, report.Ended.Sub(report.Started))
	require.Equal(t, 5, report.Samples)
	require.Equal(t, 1, report.Failed)
	require.Equal(t, 4, report.Seen)
	require.Equal(t, &Level{Min: 0, Mean: 16.2, P95: 43, P99: 43, Peak: 43}, report.Active, "the application sees one more")
	require.Equal(t, &Level{Min: 6, Mean: 20.25, P95: 43, P99: 43, Peak: 43}, report.CheckedOut)
	require.Nil(t, report.Waiting)
	require.InDelta(t, 0.2, report.InOverflow, 1e-9)
	require.InDelta(t, 0.81, report.Utilization, 1e-9)
	require.InDelta(t, 0.2, report.Unavailable, 1e-9)
	require.Zero(t, report.LeastAvailable)
	require.Equal(t, &CPULevel{Mean: 30, Peak: 30}, report.CPU)
	require.InDelta(t, 3, report.LongestTransaction, 1e-9)
}

// Nearest rank: of 100 values 1…100 the 95th, of 20 equal ones and one outlier
// the common one.
func TestPercentileIsTheNearestRank(t *testing.T) {
	var hundred, outlier levels
	for i := range 100 {
		hundred.add(100 - i)
	}
	require.Equal(t, &Level{Min: 1, Mean: 50.5, P95: 95, P99: 99, Peak: 100}, hundred.level())
	for range 20 {
		outlier.add(3)
	}
	outlier.add(60)
	require.Equal(t, 3, outlier.level().P95)
	require.Equal(t, 60, outlier.level().Peak)
}

// Which sessions are checked out the server does not show, but how many are: the
// pool can have only so many of those that are idle.
func TestConnectionsThatRestOutsideATransaction(t *testing.T) {
	idle := func(seconds ...float64) (all []session) {
		for i, s := range seconds {
			all = append(all, session{pid: int32(i), watched: true, state: stateIdle, inState: s, statement: "COMMIT"})
		}
		return all
	}
	told := func(checkedIn int) *Application {
		return &Application{Size: 2, CheckedIn: checkedIn, CheckedOut: 5 - checkedIn, Complete: true}
	}
	for name, tt := range map[string]struct {
		application *Application
		sessions    []session
		sum, since  int
		idle        float64
	}{
		"told":            {told(1), idle(25, 9, 8, 7, 1), 3, 2, 8},
		"all came back":   {told(5), idle(25, 9, 8, 7, 1), 0, 0, 0},
		"a pool of two":   {nil, idle(25, 9, 8, 7, 1), 2, 1, 7},
		"one":             {told(1), idle(9, 8), 1, 1, 0},
		"of two engines":  {told(1), idle(25, 9, 8, 7, 1, 6, 6), 0, 0, 0},
		"since before":    {told(0), idle(30, 28, 26), 3, 0, 28},
		"asyncpg's own":   {nil, []session{{state: stateIdle, inState: 9, statement: assumedReset}, {state: stateIdle, inState: 9}, {state: stateIdle, inState: 9}}, 0, 0, 0},
		"in transactions": {told(0), []session{{state: stateInTx, inState: 9}, {state: stateInTx, inState: 9}}, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var tally Tally
			start := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
			tally.Add(Sample{Time: start, Pool: Pool{Size: 2, MaxOverflow: 3}, Database: &Database{}})
			tally.Add(Sample{
				Time: start.Add(20 * time.Second), Pool: Pool{Size: 2, MaxOverflow: 3},
				Database: &Database{Sessions: Sessions{Open: len(tt.sessions), watched: tt.sessions}}, Application: tt.application,
			})
			r := tally.Report().Held.Resting
			require.Equal(t, tt.sum, r.Sessions)
			require.Equal(t, tt.since, r.Since)
			require.InDelta(t, tt.idle, r.IdleFor, 1e-9)
		})
	}
}

// A transaction that is ten times as old as its last statement had many.
func TestTransactionsOfManyStatements(t *testing.T) {
	sum := count([]session{
		{watched: true, state: stateInTx, transaction: 0.2, inState: 0.01},
		{watched: true, state: stateInTx, transaction: 0.05, inState: 0.01},
		{watched: true, state: stateActive, transaction: 3600, inState: 1},
	})
	require.Equal(t, 1, sum.Repeating)
}

// A pooler stands between an application that has more connections than there are
// sessions: but not while some are being opened, or none can be.
func TestMoreConnectionsThanSessions(t *testing.T) {
	told := &Application{Size: 20, CheckedIn: 4, CheckedOut: 15, Complete: true}
	open := func(sessions ...int32) Sample {
		d := &Database{Limits: []Limit{{Scope: "server", Max: 97, Used: 50}}}
		for _, pid := range sessions {
			d.watched = append(d.watched, session{pid: pid})
		}
		d.Open = len(sessions)
		return Sample{Time: time.Now(), Pool: tuned, Database: d, Application: told}
	}
	full := open(1, 2, 3, 4, 5)
	full.Database.Limits[0].Used = 97
	for name, tt := range map[string]struct {
		samples []Sample
		want    int
	}{
		"a pooler":        {[]Sample{open(1, 2), open(1, 2), open(1, 2)}, 2}, // nobody knows of the first
		"slow connects":   {[]Sample{open(1, 2), open(1, 2, 3), open(1, 2, 3, 4)}, 0},
		"replaced":        {[]Sample{open(1, 2), open(2, 3), open(3, 4)}, 0},
		"no more allowed": {[]Sample{full, full, full}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var tally Tally
			for _, s := range tt.samples {
				tally.Add(s)
			}
			require.Equal(t, tt.want, tally.Report().Usage.Queued)
			require.Equal(t, tt.want, tally.Report().Usage.Pooled)
		})
	}
}

// A session that goes on after its statement is used by somebody, an orphan is not;
// more of them than the application has connections are not its pool's.
func TestSessionsThatAreNotThePools(t *testing.T) {
	told := &Application{Size: 2, CheckedIn: 1, CheckedOut: 1, Complete: true}
	at := func(changed ...float64) Sample {
		d := &Database{Sessions: Sessions{Open: len(changed), Active: len(changed)}}
		for i, c := range changed {
			d.watched = append(d.watched, session{pid: int32(i), state: stateActive, changed: c})
		}
		return Sample{Time: time.Now(), Pool: Pool{Size: 2, Workers: 1}, Database: d, Application: told}
	}
	for name, tt := range map[string]struct {
		samples       []Sample
		foreign, most int
	}{
		"the pool's":      {[]Sample{at(1, 1), at(2, 2), at(3, 3)}, 0, 0},
		"orphans":         {[]Sample{at(1, 1, 1, 1, 1), at(2, 2, 1, 1, 1), at(3, 3, 1, 1, 1)}, 0, 0},
		"a second engine": {[]Sample{at(1, 1, 1, 1, 1), at(2, 2, 2, 2, 2), at(3, 3, 3, 3, 2)}, 2, 3},
	} {
		t.Run(name, func(t *testing.T) {
			var tally Tally
			for _, s := range tt.samples {
				tally.Add(s)
			}
			require.Equal(t, tt.foreign, tally.Report().Usage.Foreign)
			require.Equal(t, tt.most, tally.Report().Usage.MostForeign)
		})
	}
}

// What the sessions do is hidden, and the application says that its pool is full.
func TestFullByTheApplicationsWordAlone(t *testing.T) {
	var tally Tally
	for range 3 {
		tally.Add(Sample{
			Pool: Pool{Size: 5, MaxOverflow: 3, Workers: 1}, Database: &Database{Sessions: Sessions{Open: 8, Hidden: 8}},
			Application: &Application{Size: 5, CheckedOut: 8, Complete: true},
		})
	}
	u := tally.Report().Usage
	require.Equal(t, Usage{Full: 3, Pressed: 3}, u, "what they do is not known")
}

// A server that was never there may be a wrong address.
func TestAServerThatWasThereAndRefuses(t *testing.T) {
	var tally Tally
	refused := Sample{Err: fmt.Errorf("connecting: %w", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)})}
	tally.Add(refused)
	require.Zero(t, tally.Report().Server.Unreachable)
	tally.Add(Sample{Database: &Database{}})
	tally.Add(refused)
	require.Equal(t, 1, tally.Report().Server.Unreachable)
}

// The tightest of PgBouncer's settings is the one to raise.
func TestWhatBoundsServerConnections(t *testing.T) {
	for name, tt := range map[string]struct {
		config, database map[string]string
		size             int
		setting          string
	}{
		"default":          {nil, map[string]string{"pool_size": "20"}, 20, "default_pool_size"},
		"the database's":   {nil, map[string]string{"pool_size": "5"}, 5, "pool_size"},
		"of the database":  {nil, map[string]string{"pool_size": "20", "max_connections": "6"}, 6, "max_db_connections"},
		"no bound":         {nil, map[string]string{"pool_size": "20", "max_connections": "60"}, 20, "default_pool_size"},
		"of the user":      {map[string]string{"max_user_connections": "4"}, map[string]string{"pool_size": "20"}, 4, "max_user_connections"},
		"no such database": {nil, nil, 20, "default_pool_size"},
	} {
		t.Run(name, func(t *testing.T) {
			config := map[string]string{"default_pool_size": "20"}
			maps.Copy(config, tt.config)
			var p Pooler
			p.PoolSize, p.Setting = sizeOf(tt.database, config)
			p.bound(tt.database)
			require.Equal(t, tt.size, p.PoolSize)
			require.Equal(t, tt.setting, p.Setting)
		})
	}
}

// A PgBouncer has as many clients as it takes, or refuses the monitor for it; what it
// told before stays.
func TestAPoolerFullOfClients(t *testing.T) {
	var tally Tally
	for _, clients := range []int{9, 10, 11} {
		tally.Add(Sample{Pool: tuned, Pooler: &Pooler{Told: true, Version: "PgBouncer 1.18.0", Clients: clients, MaxClients: 10}})
	}
	tally.Add(Sample{Pool: tuned, Pooler: &Pooler{Told: true, Version: "PgBouncer 1.18.0", Clients: 10}}) // of a stats user
	tally.Add(Sample{Pool: tuned, Pooler: &Pooler{Refused: true}})
	pooler := tally.Report().Pooler
	require.Equal(t, 3, pooler.Crowded)
	require.Equal(t, 5, pooler.Samples)
	require.Equal(t, "PgBouncer 1.18.0", pooler.Version)
}

// The time before the first session is no absence, unless none ever comes.
func TestTheLongestStretchWithoutASession(t *testing.T) {
	start := time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)
	tally := func(open ...int) Absence {
		var tally Tally
		for i, n := range open {
			tally.Add(Sample{
				Time: start.Add(time.Duration(i) * time.Second), Pool: tuned, Database: &Database{Sessions: Sessions{Open: n}},
				Application: &Application{CheckedOut: i % 3, Complete: true},
			})
		}
		return tally.Report().Absence
	}
	require.Equal(t, Absence{Samples: 4, Seconds: 3, CheckedOut: 2, Most: 2, AtEnd: true}, tally(0, 0, 0, 0))
	require.Zero(t, tally(0, 0, 0, 0, 3, 3))
	require.Equal(t, Absence{Samples: 3, Seconds: 2, CheckedOut: 2, Most: 2}, tally(0, 5, 0, 0, 0, 3, 0, 3))
	require.Equal(t, Absence{Samples: 3, Seconds: 2, CheckedOut: 2, Most: 2, AtEnd: true}, tally(5, 0, 0, 0))
}
