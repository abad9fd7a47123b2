package monitor

import "slices"

// Blocked is a session waiting for a lock that other sessions, of whatever
// application, hold or asked for earlier. 0 stands for a prepared transaction.
type Blocked struct {
	PID int32   `json:"pid"`
	By  []int32 `json:"by"`
}

// rootBlocker follows who waits for whom up to the session that waits for
// nobody, and gives the one that blocks the most sessions, if any of them is watched.
func rootBlocker(sessions []session) *Session {
	byPID := make(map[int32]session, len(sessions))
	for _, s := range sessions {
		byPID[s.pid] = s
	}
	sessions = withOthers(sessions, byPID)
	waiting, concerns := map[int32]int{}, map[int32]bool{}
	for _, s := range sessions {
		for _, root := range rootsOf(s.pid, byPID, map[int32]bool{}) {
			if root != s.pid {
				waiting[root]++
				concerns[root] = concerns[root] || s.watched
			}
		}
	}
	var root *Session
	for _, s := range sessions { // in the order of pids, so that equals stay the same
		if n := waiting[s.pid]; concerns[s.pid] && (root == nil || n > root.Waiting) {
			root = s.shown()
			root.Waiting = n
		}
	}
	return root
}

// withOthers adds those that sessions wait for and that are no client's.
func withOthers(sessions []session, byPID map[int32]session) []session {
	all := slices.Clone(sessions)
	for _, s := range sessions {
		for _, by := range s.blockedBy {
			if _, known := byPID[by]; !known {
				byPID[by] = noClient(by)
				all = append(all, byPID[by])
			}
		}
	}
	return all
}

// noClient is what holds locks and has no session of a client.
func noClient(pid int32) session {
	if pid == 0 {
		return session{state: StatePrepared}
	}
	return session{pid: pid, state: StateNoClient}
}

// rootsOf are the sessions at the ends of all chains from pid on, each once.
func rootsOf(pid int32, byPID map[int32]session, seen map[int32]bool) []int32 {
	if seen[pid] {
		return nil // known, or a deadlock, which the server is about to end
	}
	seen[pid] = true
	blockers := byPID[pid].blockedBy
	if len(blockers) == 0 {
		return []int32{pid}
	}
	var roots []int32
	for _, by := range blockers {
		roots = append(roots, rootsOf(by, byPID, seen)...)
	}
	return roots
}
