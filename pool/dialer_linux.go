package pool

import (
	"strings"
	"syscall"
)

// tcpUserTimeout is the socket option of that name (RFC 5482, tcp(7)), in
// milliseconds; package syscall does not have it.
const tcpUserTimeout = 0x12

// limitSilence ends a connection on which data that was sent is acknowledged
// by nobody. Keep-alive probes are for connections with nothing to send;
// without this Linux goes on sending for a quarter of an hour.
func limitSilence(network, _ string, socket syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var failed error
	err := socket.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(peerLimit.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}
