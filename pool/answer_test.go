package pool

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

// A row is split as pgx splits it, whatever is wrong with it.
func TestRowsAreSplitAsPgxDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- no secret
	for range 20_000 {
		row := &pgproto3.DataRow{}
		for range random.IntN(4) {
			row.Values = append(row.Values, [][]byte{nil, {}, []byte("value"), bytes.Repeat([]byte{0xff}, 9)}[random.IntN(4)])
		}
		sent, err := row.Encode(nil)
		require.NoError(t, err)
		body := sent[headerSize:]
		for range random.IntN(3) {
			switch at := random.IntN(len(body)); random.IntN(3) {
			case 0:
				body[at] = byte(random.IntN(256))
			case 1:
				body = append(body[:at:at], body[at+1:]...)
			default:
				body = body[:max(1, at)]
			}
		}
		var want pgproto3.DataRow
		failed := want.Decode(body)
		got, ok := splitRow(body, nil)
		require.Equal(t, failed == nil, ok, "%x", body)
		if ok {
			require.Len(t, got, len(want.Values), "%x", body)
			for i := range got {
				require.Equal(t, want.Values[i], got[i], "%x", body)
			}
		}
	}
}

// The guard gives messages of which pgx need not know, and pgx gets all others, in their
// order, in whatever pieces they arrive.
func TestGuardGivesWhatPgxNeedNotSee(t *testing.T) {
	small := &pgproto3.DataRow{Values: [][]byte{[]byte("value"), nil}}
	wide := &pgproto3.DataRow{Values: [][]byte{bytes.Repeat([]byte("x"), 2*bufferSize)}}
	large := &pgproto3.DataRow{Values: [][]byte{bytes.Repeat([]byte("x"), bufferSize/2)}}
	complete := &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}
	notice := &pgproto3.NoticeResponse{Severity: "NOTICE", Message: "said"}
	long := &pgproto3.NoticeResponse{Severity: "NOTICE", Message: strings.Repeat("x", 2*longestText)}
	ready := &pgproto3.ReadyForQuery{TxStatus: 'I'}
	sent := wire(t, &pgproto3.BindComplete{}, small, large, large, large, notice, small, wide, small, long, small, complete, ready)
	for _, pieces := range []func(io.Reader) io.Reader{
		func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader,
	} {
		tr := &transport{}
		guard := newMessageGuard(pieces(bytes.NewReader(sent)), tr)
		front := pgproto3.NewFrontend(guard, io.Discard)
		var kinds []byte
		taken := 0
		for {
			if front.ReadBufferLen() == 0 {
				if kind, body, ok := guard.next(); ok && kind != noticeResponse {
					kinds, taken = append(kinds, kind), taken+1
					guard.drop(body)
					continue
				}
			}
			message, err := front.Receive()
			if err != nil {
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
				break
			}
			again, err := message.Encode(nil)
			require.NoError(t, err)
			kinds = append(kinds, again[0])
		}
		require.Equal(t, "2DDDDNDDDNDCZ", string(kinds))
		require.Greater(t, taken, 4)
		require.EqualValues(t, 1, tr.completed.Load())
	}
}

// resetOnce is a connection that is reset after what was sent.
type resetOnce struct {
	sent  []byte
	reset bool
}

func (r *resetOnce) Read(p []byte) (n int, err error) {
	if n = copy(p, r.sent); n > 0 {
		r.sent = r.sent[n:]
		return n, nil
	}
	if !r.reset {
		r.reset = true
		return 0, syscall.ECONNRESET
	}
	return 0, io.EOF
}

// A socket tells once why it failed. It is no matter who reads then.
func TestTheFirstErrorIsKept(t *testing.T) {
	for _, sent := range [][]byte{nil, {dataRow, 0, 0, 0, 9, 0}} {
		guard := newMessageGuard(&resetOnce{sent: sent}, &transport{})
		_, _, ok := guard.next()
		require.False(t, ok)
		_, err := pgproto3.NewFrontend(guard, io.Discard).Receive()
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}
}
