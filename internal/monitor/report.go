package monitor

import (
	"cmp"
	"slices"
	"time"
)

// Report sums up a watch. Shares are between 0 and 1, of the samples in which
// the database answered: a sample is one moment, so they are shares of time.
// It is immutable.
type Report struct {
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"` // the last sample
	Pool    Pool      `json:"pool"`
	// Samples counts those in which the database answered, Failed the others,
	// Seen those in which the application had a session whose state the role
	// may see.
	Samples int `json:"samples"`
	Failed  int `json:"failed"`
	Seen    int `json:"seen"`
	// Active and Open count sessions, CheckedOut and Waiting are the
	// application's own figures. nil without a sample of them.
	Active     *Level `json:"active"`
	Open       *Level `json:"open"`
	CheckedOut *Level `json:"checkedout"`
	Waiting    *Level `json:"waiting"`
	// InOverflow is the share of time with more than Pool.Size sessions active.
	InOverflow float64 `json:"in_overflow"`
	// Unavailable is the share of time without an available connection: with
	// Pool.Size sessions active or more.
	Unavailable float64 `json:"unavailable"`
	// LeastAvailable is Pool.Size less the peak of Active, at least 0.
	LeastAvailable int `json:"least_available"`
	// Utilization is the mean of Active over Pool.Size, above 1 in overflow.
	Utilization float64 `json:"utilization"`
	// Hidden is the most sessions seen whose state the role may not see.
	Hidden int `json:"hidden"`
	// LongestTransaction is in seconds.
	LongestTransaction float64 `json:"longest_transaction_s"`
	// CPU is the database host's, whoever uses it; nil where it is not known.
	CPU    *CPULevel    `json:"cpu_percent"`
	Layers []LayerShare `json:"layers"` // each layer once, in the table's order
}

// Level sums up a number of connections over the samples. P95 is the nearest
// rank.
type Level struct {
	Min  int     `json:"min"`
	Mean float64 `json:"mean"`
	P95  int     `json:"p95"`
	Peak int     `json:"peak"`
}

// CPULevel is in percent, 0 to 100.
type CPULevel struct {
	Mean float64 `json:"mean"`
	Peak float64 `json:"peak"`
}

// LayerShare is how much of the time a layer held the application up.
type LayerShare struct {
	Layer Layer   `json:"layer"`
	Share float64 `json:"share"` // of the samples that have a layer
	// Advice is the runbook's, "" for a layer that was never met.
	Advice string `json:"advice,omitempty"`
}

// Report sums up the samples so far.
func (t *Tally) Report() Report {
	r := Report{
		Started: t.first, Ended: t.last, Pool: t.pool,
		Samples: t.samples, Failed: t.failed, Seen: t.seen,
		Active: t.active.level(), Open: t.open.level(),
		CheckedOut: t.checkedOut.level(), Waiting: t.waiting.level(),
		Hidden: t.hidden, LongestTransaction: t.longest,
		Layers: t.layerShares(),
	}
	if r.Active != nil {
		r.InOverflow = float64(t.inOverflow) / float64(t.samples)
		r.Unavailable = float64(t.unavailable) / float64(t.samples)
		r.LeastAvailable = max(0, t.pool.Size-r.Active.Peak)
		r.Utilization = r.Active.Mean / float64(t.pool.Size)
	}
	if t.cpuSamples > 0 {
		r.CPU = &CPULevel{Mean: t.cpuSum / float64(t.cpuSamples), Peak: t.cpuPeak}
	}
	return r
}

func (t *Tally) layerShares() []LayerShare {
	total := 0
	for _, samples := range t.layers {
		total += samples
	}
	shares := make([]LayerShare, 0, len(rules))
	for _, rule := range rules {
		share := LayerShare{Layer: rule.layer}
		if samples := t.layers[rule.layer]; samples > 0 {
			share.Share = float64(samples) / float64(total)
			share.Advice = rule.advice
		}
		shares = append(shares, share)
	}
	return shares
}

// MetLayers are the layers that were met, the longest first.
func (r Report) MetLayers() []LayerShare {
	met := slices.DeleteFunc(slices.Clone(r.Layers), func(l LayerShare) bool { return l.Share == 0 })
	slices.SortStableFunc(met, func(a, b LayerShare) int { return cmp.Compare(b.Share, a.Share) })
	return met
}
