package pool

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// A peer of which nothing is heard for about half a minute, not even that its
// machine received something, is gone: 15 s of silence, then three probes.
const (
	silenceBeforeProbes = 15 * time.Second
	probeInterval       = 5 * time.Second
	probes              = 3
	silenceLimit        = silenceBeforeProbes + probes*probeInterval
)

// dialer opens the sockets of one connection: those of every host and TLS
// fallback that pgx tries, and later those of its cancel requests.
type dialer struct {
	deadline  time.Time // to be connected, for all attempts together
	connected atomic.Bool
	current   *transport // of the attempt that is being made
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if d.connected.Load() {
		return dialUntil(ctx, network, address, time.Now().Add(closeGrace)) // a cancel request
	}
	conn, err := dialUntil(ctx, network, address, d.deadline)
	if err != nil {
		return nil, err
	}
	d.current = &transport{Conn: conn, dialer: d}
	return d.current, nil
}

// dialUntil opens a socket on which nothing takes longer than to the deadline.
func dialUntil(ctx context.Context, network, address string, deadline time.Time) (net.Conn, error) {
	d := net.Dialer{Deadline: deadline, Control: limitSilence, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: silenceBeforeProbes, Interval: probeInterval, Count: probes,
	}}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(deadline); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}
