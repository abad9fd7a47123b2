package timeline

// Totals are what was counted and measured in a stretch of time.
type Totals struct {
	Requests Requests         `json:"requests"`
	Pools    map[string]*Pool `json:"pools"` // by name; an application's by its application_name
	// DatabaseCPU is the database host's, in percent.
	DatabaseCPU Distribution `json:"database_cpu"`
	Generator   Generator    `json:"generator"`
}

// Generator is the process that makes the load, see [GeneratorProbe].
type Generator struct {
	CPU   Distribution `json:"cpu"`                // percent of the processors it may use
	Delay Distribution `json:"scheduler_delay_ms"` // p99 of each stretch between two readings
}

// Requests are a user's, whatever they go through.
type Requests struct {
	Duration Distribution `json:"duration_ms"`
	Failed   int64        `json:"failed"` // timeouts included
	// Timeouts are requests that timed out, those included that succeeded when they were made again.
	Timeouts int64 `json:"timeouts"`
	// Dropped are arrivals for which no user was free.
	Dropped int64 `json:"dropped"`
	// Interrupted are those that never ended; Duration has their age.
	Interrupted int64 `json:"interrupted,omitempty"`
	// Retries are attempts beyond the first of a request, by why the one before
	// failed: a SQLSTATE, an error's name or an HTTP status.
	Retries map[string]int64 `json:"retries,omitempty"`
	// Cycle is from the beginning of a user's request to that of the next one, in
	// a closed loop.
	Cycle Distribution `json:"cycle_ms,omitzero"`
}

// Pool is what one pool did.
type Pool struct {
	Wait    Distribution `json:"wait_ms"` // timed-out waits included
	Connect Distribution `json:"connect_ms"`
	Use     Distribution `json:"use_ms"`
	Query   Distribution `json:"query_ms"`

	AcquireFailed int64            `json:"acquire_failed"`
	Timeouts      int64            `json:"timeouts"`
	QueryFailed   int64            `json:"query_failed"`
	Opened        int64            `json:"opened"`
	Closed        map[string]int64 `json:"closed,omitempty"` // by reason
	Leaks         int64            `json:"leaks"`
	// NestedWaits counts users who held a connection and waited for a second of
	// the same pool, by where both were taken.
	NestedWaits map[string]int64 `json:"nested_waits,omitempty"`
	// Errors counts failures by SQLSTATE, or by the error's name where the
	// server gave none.
	Errors map[string]int64 `json:"errors,omitempty"`

	// Sampled levels.
	Active     Distribution `json:"active"`
	Waiting    Distribution `json:"waiting"`
	Idle       Distribution `json:"idle"`
	Total      Distribution `json:"total"`
	InOverflow int64        `json:"in_overflow"` // samples in overflow, of Active.Count()
}

// pool gives the pool of that name, made where it is new.
func (t *Totals) pool(name string) *Pool {
	p := t.Pools[name]
	if p == nil {
		p = &Pool{}
		if t.Pools == nil {
			t.Pools = make(map[string]*Pool)
		}
		t.Pools[name] = p
	}
	return p
}

// Merge adds other's counts and values.
func (t *Totals) Merge(other Totals) {
	t.Requests.merge(other.Requests)
	t.DatabaseCPU.Merge(other.DatabaseCPU)
	t.Generator.CPU.Merge(other.Generator.CPU)
	t.Generator.Delay.Merge(other.Generator.Delay)
	for name, p := range other.Pools {
		t.pool(name).merge(p)
	}
}

func (r *Requests) merge(other Requests) {
	r.Duration.Merge(other.Duration)
	r.Failed += other.Failed
	r.Timeouts += other.Timeouts
	r.Dropped += other.Dropped
	r.Interrupted += other.Interrupted
	r.Cycle.Merge(other.Cycle)
	addCounts(&r.Retries, other.Retries)
}

// Retried is the number of all retries.
func (r Requests) Retried() (n int64) {
	for _, of := range r.Retries {
		n += of
	}
	return n
}

func (p *Pool) merge(other *Pool) {
	measured, counted, keyed := other.measured(), other.counted(), other.keyed()
	for m, d := range p.measured() {
		if d != nil {
			d.Merge(*measured[m])
		}
	}
	for m, n := range p.counted() {
		if n != nil {
			*n += *counted[m]
		}
	}
	for m, by := range p.keyed() {
		if by != nil {
			addCounts(by, *keyed[m])
		}
	}
}

// addCounts adds other to *counts, by key.
func addCounts(counts *map[string]int64, other map[string]int64) {
	for key, n := range other {
		count(counts, key, n)
	}
}

func count(counts *map[string]int64, key string, n int64) {
	if *counts == nil {
		*counts = make(map[string]int64)
	}
	(*counts)[key] += n
}

// clone gives a copy that shares nothing.
func (t Totals) clone() Totals {
	c := Totals{Pools: make(map[string]*Pool, len(t.Pools))}
	c.Merge(t)
	return c
}

// Total is the sum of all pools: what the server has to carry. Levels of
// different pools are sampled at different moments and do not add: those of the
// result are the single pools', side by side.
func (t Totals) Total() Pool {
	var sum Pool
	for _, p := range t.Pools {
		sum.merge(p)
	}
	return sum
}
