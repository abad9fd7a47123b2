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
	if d := p.distribution(o.Measure); d != nil {
		d.Add(o.Value)
		return
	}
	n := int64(o.Value)
	switch o.Measure {
	case AcquireFailed:
		p.AcquireFailed += n
	case AcquireTimeout:
		p.Timeouts += n
	case Opened:
		p.Opened += n
	case Closed:
		count(&p.Closed, o.Key, n)
	case QueryFailed:
		p.QueryFailed += n
	case Leak:
		p.Leaks += n
	case NestedWait:
		count(&p.NestedWaits, o.Key, n)
	case Error:
		count(&p.Errors, o.Key, n)
	case InOverflow:
		p.InOverflow += n
	default: // the run's
	}
}

// distribution gives where a measure's values go, nil where they are counted.
func (p *Pool) distribution(m Measure) *Distribution {
	switch m {
	case Wait:
		return &p.Wait
	case Connect:
		return &p.Connect
	case Use:
		return &p.Use
	case Query:
		return &p.Query
	case Active:
		return &p.Active
	case Waiting:
		return &p.Waiting
	case Idle:
		return &p.Idle
	case Total:
		return &p.Total
	default:
		return nil
	}
}
