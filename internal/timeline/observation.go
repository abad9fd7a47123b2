package timeline

import "time"

// Measure is what an [Observation] is about.
type Measure uint8

// The measures. Durations are in milliseconds; what is counted is added, so
// that 0 changes nothing.
const (
	None Measure = iota // recorded nowhere
	Request
	RequestFailed
	RequestTimeout
	RequestDropped
	RequestInterrupted // Value is its age
	InterruptedFailed  // it is older than the limit
	RequestRetry       // Key is the reason
	Cycle              // from the beginning of a user's request to that of the next one
	Wait
	AcquireFailed
	AcquireTimeout
	Connect
	Opened
	Closed // Key is the reason
	Use
	Query
	QueryFailed
	Leak
	NestedWait // for a second connection of the same pool; Key says where both were taken
	Error      // Key is the SQLSTATE or the error's name
	Active
	Waiting
	Idle
	Total
	InOverflow
	DatabaseCPU
	GeneratorCPU
	SchedulerDelay
	measures // how many there are
)

// Observation is one value at one time.
type Observation struct {
	Measure Measure
	At      time.Time
	Value   float64
	Pool    string // where the measure is a pool's
	Key     string // where the measure is counted by one
}

func (t *Totals) add(o *Observation) {
	switch o.Measure {
	case None:
	case Request:
		t.Requests.Duration.Add(o.Value)
	case RequestFailed, InterruptedFailed:
		t.Requests.Failed += int64(o.Value)
	case RequestTimeout:
		t.Requests.Timeouts += int64(o.Value)
	case RequestDropped:
		t.Requests.Dropped += int64(o.Value)
	case RequestInterrupted:
		t.Requests.Duration.Add(o.Value)
		t.Requests.Interrupted++
	case RequestRetry:
		count(&t.Requests.Retries, o.Key, int64(o.Value))
	case Cycle:
		t.Requests.Cycle.Add(o.Value)
	case DatabaseCPU:
		t.DatabaseCPU.Add(o.Value)
	case GeneratorCPU:
		t.Generator.CPU.Add(o.Value)
	case SchedulerDelay:
		t.Generator.Delay.Add(o.Value)
	default:
		t.pool(o.Pool).add(o)
	}
}

func (p *Pool) add(o *Observation) {
	switch o.Measure { // each query has one of these
	case Wait:
		p.Wait.Add(o.Value)
		return
	case Query:
		p.Query.Add(o.Value)
		return
	case Use:
		p.Use.Add(o.Value)
		return
	default:
	}
	if d := p.measured()[o.Measure]; d != nil {
		d.Add(o.Value)
	} else if n := p.counted()[o.Measure]; n != nil {
		*n += int64(o.Value)
	} else if by := p.keyed()[o.Measure]; by != nil {
		count(by, o.Key, int64(o.Value))
	}
}

// measured are the distributions, by what goes into them.
func (p *Pool) measured() [measures]*Distribution {
	return [measures]*Distribution{
		Wait: &p.Wait, Connect: &p.Connect, Use: &p.Use, Query: &p.Query,
		Active: &p.Active, Waiting: &p.Waiting, Idle: &p.Idle, Total: &p.Total,
	}
}

// counted are the counters, by what they count.
func (p *Pool) counted() [measures]*int64 {
	return [measures]*int64{
		AcquireFailed: &p.AcquireFailed, AcquireTimeout: &p.Timeouts, QueryFailed: &p.QueryFailed,
		Opened: &p.Opened, Leak: &p.Leaks, InOverflow: &p.InOverflow,
	}
}

// keyed are the counters by key, by what they count.
func (p *Pool) keyed() [measures]*map[string]int64 {
	return [measures]*map[string]int64{Closed: &p.Closed, NestedWait: &p.NestedWaits, Error: &p.Errors}
}
