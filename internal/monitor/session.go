package monitor

import "time"

// The states of pg_stat_activity that are told apart.
const (
	stateIdle     = "idle"
	stateActive   = "active"
	stateInTx     = "idle in transaction"
	stateInFailed = "idle in transaction (aborted)"
	stateDisabled = "disabled" // track_activities is off
)

// session is one client backend of the watched application.
type session struct {
	pid           int32
	state         string // as in pg_stat_activity, "" while the session starts
	hidden        bool   // the role may not see the state
	waitEventType string
	waitEvent     string
	age           float64 // seconds since connecting
	transaction   float64 // seconds since the transaction began, 0 without one
	blockedBy     []int32 // pids, while it waits for a lock
}

// Sessions is what the sessions of the watched application were doing at one
// moment. It is immutable.
type Sessions struct {
	// Open counts the sessions; Active those whose state is not idle, which is
	// how a connection that is checked out looks from the server. Hidden ones,
	// whose state the role may not see, are open and neither active nor idle.
	Open   int `json:"open"`
	Active int `json:"active"`
	Idle   int `json:"idle"`
	Hidden int `json:"hidden"`
	// IdleInTransaction, LockWaits and Working are parts of Active: holding a
	// transaction without using it, waiting for a lock, and running a statement
	// on the server's CPU or I/O.
	IdleInTransaction int `json:"idle_in_transaction"`
	LockWaits         int `json:"lock_waits"`
	Working           int `json:"working"`
	// OldestSession and LongestTransaction are ages in seconds, 0 without any.
	OldestSession      float64 `json:"oldest_session_s"`
	LongestTransaction float64 `json:"longest_transaction_s"`
	// States and Waits count the sessions by state, and the active ones by wait
	// event ("Lock:transactionid", "IO:DataFileRead").
	States map[string]int `json:"states"`
	Waits  map[string]int `json:"waits"`
	// Blocked are the sessions that wait for a lock, and whom they wait for.
	Blocked []Blocked `json:"blocked"`

	untracked bool // a session has track_activities switched off
}

// Blocked is a session waiting for a lock that other sessions, of whatever
// application, hold or asked for earlier. 0 stands for a prepared transaction.
type Blocked struct {
	PID int32   `json:"pid"`
	By  []int32 `json:"by"`
}

// count sums up the sessions of one moment.
func count(sessions []session) Sessions {
	sum := Sessions{States: map[string]int{}, Waits: map[string]int{}, Blocked: []Blocked{}}
	for _, s := range sessions {
		sum.add(s)
	}
	return sum
}

func (sum *Sessions) add(s session) {
	sum.Open++
	sum.OldestSession = max(sum.OldestSession, s.age)
	switch {
	case s.hidden:
		sum.Hidden++
		return
	case s.state == stateDisabled:
		sum.Hidden++
		sum.untracked = true
		return
	}
	sum.LongestTransaction = max(sum.LongestTransaction, s.transaction)
	sum.States[s.stateName()]++
	switch s.state {
	case stateIdle:
		sum.Idle++
		return
	case stateInTx, stateInFailed:
		sum.IdleInTransaction++
	case stateActive:
		sum.addActive(s)
	}
	sum.Active++
}

// addActive looks at what an executing session waits for, if anything.
func (sum *Sessions) addActive(s session) {
	if s.waitEventType != "" {
		sum.Waits[s.waitEventType+":"+s.waitEvent]++
	}
	switch s.waitEventType {
	case "Lock":
		sum.LockWaits++
		sum.Blocked = append(sum.Blocked, Blocked{PID: s.pid, By: s.blockedBy})
	case "Client", "Timeout": // waits for the application, or sleeps
	default: // on CPU, or waits inside the server: IO, LWLock, IPC, BufferPin …
		sum.Working++
	}
}

func (s session) stateName() string {
	if s.state == "" {
		return "starting"
	}
	return s.state
}

// Seconds turns an age of this package into a duration.
func Seconds(age float64) time.Duration { return time.Duration(age * float64(time.Second)) }
