package pool

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Only the kernel can tell that packets vanish; it has to be asked to.
func TestSocketsEndWhenNobodyAcknowledges(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close() //nolint:errcheck // a test's listener
	conn, err := dialUntil(t.Context(), "tcp", listener.Addr().String(), time.Now().Add(time.Minute))
	require.NoError(t, err)
	defer conn.Close() //nolint:errcheck // a test's connection

	raw, err := conn.(*net.TCPConn).SyscallConn()
	require.NoError(t, err)
	for name, option := range map[string]struct{ level, option, want int }{
		"keep-alive":           {syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		"seconds to the first": {syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 15},
		"seconds between":      {syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 5},
		"probes":               {syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 3},
		"milliseconds unacked": {syscall.IPPROTO_TCP, tcpUserTimeout, 30_000},
	} {
		var value int
		require.NoError(t, raw.Control(func(fd uintptr) {
			value, err = syscall.GetsockoptInt(int(fd), option.level, option.option)
		}))
		require.NoError(t, err, name)
		require.Equal(t, option.want, value, name)
	}
}
