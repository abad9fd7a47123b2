package faultstest

import (
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
)

// Fault is one way in which a wire goes wrong. It is immutable.
type Fault struct {
	name   string
	toxics []toxic
	refuse bool // nobody listens, and what is open is closed
	abrupt bool // ends are resets
}

// String is the fault's name, for the names of tests.
func (f Fault) String() string { return f.name }

// toxic is toxiproxy's description of a disturbance, applied to both
// directions unless it is only the answers'.
type toxic struct {
	kind       string
	attributes map[string]any
	streams    []stream.Direction
}

var (
	both    = []stream.Direction{stream.Upstream, stream.Downstream}
	answers = []stream.Direction{stream.Downstream}
)

// Latency delays every answer of the server by d, in whole milliseconds.
func Latency(d time.Duration) Fault {
	return Fault{name: "latency", toxics: []toxic{{"latency", map[string]any{"latency": d.Milliseconds()}, answers}}}
}

// Bandwidth lets rate kilobytes of answers pass per second, at least 1.
func Bandwidth(rate int) Fault {
	return Fault{name: "bandwidth", toxics: []toxic{{"bandwidth", map[string]any{"rate": rate}, answers}}}
}

// Reset ends a connection as soon as something is sent over it: with a TCP
// reset on a proxy that was made for it, else like an orderly end.
func Reset() Fault {
	return Fault{name: "reset", toxics: []toxic{{cutType, nil, both}}, abrupt: true}
}

// HalfOpen lets everything vanish in both directions, the end of a connection
// included: each side believes that the other one is there. When the fault
// ends the connections of its time are closed.
func HalfOpen() Fault {
	return Fault{name: "half-open", toxics: []toxic{{vanishType, nil, both}}}
}

// Mute is HalfOpen for the server's answers only: what is asked gets there and
// is done, and nobody hears of it.
func Mute() Fault {
	return Fault{name: "mute", toxics: []toxic{{vanishType, nil, answers}}}
}

// SlowClose passes the end of a connection on only after d, in whole
// milliseconds.
func SlowClose(d time.Duration) Fault {
	return Fault{name: "slow close", toxics: []toxic{{"slow_close", map[string]any{"delay": d.Milliseconds()}, both}}}
}

// Refused closes what is open and refuses what is new.
func Refused() Fault { return Fault{name: "refused", refuse: true} }
