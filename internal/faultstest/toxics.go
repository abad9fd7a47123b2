package faultstest

import (
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"
)

const (
	vanishType = "vanish"
	cutType    = "cut"
)

func init() {
	toxics.Register(vanishType, new(vanish))
	toxics.Register(cutType, new(cut))
	zerolog.SetGlobalLevel(zerolog.Disabled) // some toxics write to the global log
}

// vanish drops everything. Toxiproxy's own timeout toxic still passes the end
// of a connection on, which is what a half-open wire does not do.
type vanish struct{}

// Pipe implements toxics.Toxic.
func (*vanish) Pipe(stub *toxics.ToxicStub) {
	input := stub.Input
	for {
		select {
		case <-stub.Interrupt:
			return
		case chunk := <-input:
			if chunk == nil {
				input = nil // the sender closed, and nobody hears of it
			}
		}
	}
}

// Cleanup implements toxics.CleanupToxic: what was lost on the way cannot be
// made good, so the connection ends with the fault.
func (*vanish) Cleanup(stub *toxics.ToxicStub) {
	stub.Close()
	go drain(stub)
}

// drain takes what is still sent to a closed stub, up to the sender's end,
// which would otherwise wait forever to get rid of it.
func drain(stub *toxics.ToxicStub) {
	for {
		if chunk := <-stub.Input; chunk == nil {
			return
		}
	}
}

// cut ends a connection at the first thing that is sent. Toxiproxy's own
// reset_peer leaves a goroutine behind when something else is sent after it.
type cut struct{}

// Pipe implements toxics.Toxic.
func (*cut) Pipe(stub *toxics.ToxicStub) {
	select {
	case <-stub.Interrupt:
	case chunk := <-stub.Input:
		stub.Close()
		if chunk != nil {
			drain(stub)
		}
	}
}

// abrupt is toxiproxy's reset_peer. While it is among a proxy's toxics, even
// with toxicity 0, the sockets of new connections are closed with a reset.
var abrupt = toxic{"reset_peer", map[string]any{"timeout": 0}, both}
