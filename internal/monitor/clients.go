package monitor

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	sockets "github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"
)

// The processes at the other end of the application's sessions. They are known where
// they run on this machine and this user may see their sockets.

// clientProcess is such a process.
type clientProcess struct {
	pid, parent int32
	name        string
}

// Unknown sessions are looked up after soonestLook at least, and each time after twice
// as long, up to latestLook: it reads the open files of every process.
const (
	soonestLook = 2 * time.Second
	latestLook  = time.Minute
)

// clientProcesses knows whose the sessions are. The zero value is ready.
type clientProcesses struct {
	of       map[netip.AddrPort]clientProcess
	next     time.Time // not before then
	interval time.Duration
	own      map[netip.Addr]bool // this machine's addresses
}

// look finds out whose the sessions are that it does not know, and gives the
// processes of those that it knows, each once.
func (c *clientProcesses) look(ctx context.Context, sessions []session) []clientProcess {
	unknown := slices.ContainsFunc(sessions, func(s session) bool {
		_, known := c.of[s.client]
		return !known && c.isOwn(s.client.Addr())
	})
	if now := time.Now(); unknown && !now.Before(c.next) {
		c.interval = min(latestLook, max(soonestLook, 2*c.interval))
		c.next = now.Add(c.interval)
		c.read(ctx, sessions)
	}
	var found []clientProcess
	for _, s := range sessions {
		if process, ok := c.of[s.client]; ok && process.pid != 0 && !slices.Contains(found, process) {
			found = append(found, process)
		}
	}
	return found
}

// isOwn tells whether an address is one of this machine's.
func (c *clientProcesses) isOwn(address netip.Addr) bool {
	if c.own == nil {
		c.own = map[netip.Addr]bool{}
		networks, _ := net.InterfaceAddrs() // without them the loopback addresses are left
		for _, network := range networks {
			if prefix, err := netip.ParsePrefix(network.String()); err == nil {
				c.own[prefix.Addr()] = true
			}
		}
	}
	return address.IsLoopback() || c.own[address]
}

// read looks the sessions up. What cannot be found is not looked for again.
func (c *clientProcesses) read(ctx context.Context, sessions []session) {
	c.of = map[netip.AddrPort]clientProcess{}
	for _, s := range sessions {
		if s.client.IsValid() {
			c.of[s.client] = clientProcess{}
		}
	}
	open, err := sockets.ConnectionsWithoutUidsWithContext(ctx, "tcp")
	if err != nil {
		return
	}
	known := map[int32]clientProcess{}
	for _, socket := range open {
		address, err := netip.ParseAddr(socket.Laddr.IP)
		end := netip.AddrPortFrom(address.Unmap(), uint16(socket.Laddr.Port)) // #nosec G115 -- a port
		if _, wanted := c.of[end]; err != nil || !wanted || socket.Pid == 0 {
			continue
		}
		if _, ok := known[socket.Pid]; !ok {
			known[socket.Pid] = readClient(ctx, socket.Pid)
		}
		c.of[end] = known[socket.Pid]
	}
}

// readClient is a process with what is known of it.
func readClient(ctx context.Context, pid int32) clientProcess {
	c := clientProcess{pid: pid}
	if p, err := process.NewProcessWithContext(ctx, pid); err == nil {
		c.name, _ = p.NameWithContext(ctx) // it may have ended
		c.parent, _ = p.PpidWithContext(ctx)
	}
	return c
}

// poolers are the names of the programs that stand between applications and servers.
var poolers = []string{"pgbouncer", "odyssey", "pgcat", "pgdog", "pgpool"}

// poolerOf is the pooler that a sample's sessions belong to, by their processes or by
// the host in their names; empty where they are the application's.
func (s *Sampler) poolerOf(sample Sample) string {
	if name := poolerAmong(sample.clients); name != "" || sample.Database == nil || s.cfg.selection.Application == "" {
		return name
	}
	for _, session := range sample.Database.watched {
		if strings.HasPrefix(session.application, s.cfg.selection.Application+" - ") {
			return "PgBouncer"
		}
	}
	return ""
}

// poolerAmong is the pooler that all of the processes are, empty where they are not.
func poolerAmong(found []clientProcess) string {
	if len(found) == 0 {
		return ""
	}
	for _, c := range found {
		if !slices.Contains(poolers, strings.ToLower(c.name)) {
			return ""
		}
	}
	return found[0].name
}

// mostOfOne is the most sessions in use that one of the processes has.
func (c *clientProcesses) mostOfOne(sessions []session) (most int) {
	inUse := map[int32]int{}
	for _, s := range sessions {
		if process := c.of[s.client]; process.pid != 0 && !s.hidden && s.state != stateIdle && s.state != "" {
			inUse[process.pid]++
			most = max(most, inUse[process.pid])
		}
	}
	return most
}

// siblings is how many of the processes are one application's workers: of one name
// and one parent, which is not what starts services.
func siblings(found []clientProcess) (most int) {
	counts := map[clientProcess]int{}
	for _, c := range found {
		if c.parent > 1 {
			family := clientProcess{parent: c.parent, name: c.name}
			counts[family]++
			most = max(most, counts[family])
		}
	}
	return most
}
