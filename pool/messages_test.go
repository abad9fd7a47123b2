package pool

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

// wire is what a server sends.
func wire(t *testing.T, messages ...pgproto3.BackendMessage) []byte {
	t.Helper()
	var sent []byte
	for _, m := range messages {
		var err error
		sent, err = m.Encode(sent)
		require.NoError(t, err)
	}
	return sent
}

// read is what pgx gets of it, in pieces of every size.
func read(t *testing.T, sent []byte, begin int32) (got []byte, tr *transport, err error) {
	t.Helper()
	for i, pieces := range []func(io.Reader) io.Reader{
		func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader,
	} {
		before, said := got, err
		tr = &transport{}
		tr.begin.Store(begin)
		got, err = io.ReadAll(newMessageGuard(pieces(bytes.NewReader(sent)), tr))
		if i > 0 {
			require.Equal(t, before, got)
			require.Equal(t, said, err)
		}
	}
	return got, tr, err
}

// The texts of an error or a notice are cut, each on its own; all else passes as it
// was sent, in its order.
func TestGuardCutsLongTextsAlone(t *testing.T) {
	long := strings.Repeat("x", 3*longestText)
	row := &pgproto3.DataRow{Values: [][]byte{[]byte(long), nil}}
	complete := &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}
	said := func(text string) []pgproto3.BackendMessage {
		return []pgproto3.BackendMessage{
			row, &pgproto3.NoticeResponse{Severity: "NOTICE", Message: text, Hint: "kept"}, complete,
			&pgproto3.ErrorResponse{Severity: "ERROR", Code: "XX000", Message: "short", Detail: text}, row,
		}
	}
	got, tr, err := read(t, wire(t, said(long)...), beginNone)
	require.NoError(t, err)
	require.Equal(t, wire(t, said(long[:longestText])...), got)
	require.EqualValues(t, 1, tr.completed.Load())
}

// A long text that stops where it should not ends the connection, or what there is of
// it is given: never a message that pgx would wait for.
func TestGuardOfABrokenLongText(t *testing.T) {
	whole := wire(t, &pgproto3.ErrorResponse{Severity: "ERROR", Message: strings.Repeat("x", 3*longestText)})
	for _, left := range []int{headerSize, headerSize + 20, len(whole) - longestText, len(whole) - 1} {
		reset := errors.New("reset by peer")
		sent := io.MultiReader(bytes.NewReader(whole[:left]), iotest.ErrReader(reset))
		got, err := io.ReadAll(newMessageGuard(sent, &transport{}))
		require.ErrorIs(t, err, reset, left)
		require.Empty(t, got)
	}
	endless := bytes.Clone(whole)
	copy(endless[len(endless)-2:], "xx") // neither the text nor the message has its zero
	got, _, err := read(t, endless, beginNone)
	require.NoError(t, err)
	var parsed pgproto3.ErrorResponse
	require.NoError(t, parsed.Decode(got[headerSize:]))
	require.Len(t, parsed.Message, longestText)
}

func TestGuardRefusesWhatIsNoMessage(t *testing.T) {
	_, _, err := read(t, []byte{'Z', 0, 0, 0, 3, 'I'}, beginNone)
	require.EqualError(t, err, "malformed answer: a message of 3 bytes")
}

// pgx does not see the answers to a BEGIN that a statement took along, but for an
// error, and whatever else stands in their place ends the connection.
func TestGuardOfAnswersToBegin(t *testing.T) {
	parsed, bound, begun := &pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, &pgproto3.CommandComplete{CommandTag: []byte("BEGIN")}
	notice := &pgproto3.NoticeResponse{Severity: "NOTICE", Message: "by the way"}
	refused := &pgproto3.ErrorResponse{Severity: "ERROR", Message: "no"}
	rest := []pgproto3.BackendMessage{parsed, bound, &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}}
	for name, test := range map[string]struct {
		sent, want []pgproto3.BackendMessage
		begin      int32
		err        string
	}{
		"begun":     {append([]pgproto3.BackendMessage{parsed, notice, bound, begun}, rest...), append([]pgproto3.BackendMessage{notice}, rest...), beginNone, ""},
		"refused":   {[]pgproto3.BackendMessage{parsed, refused}, []pgproto3.BackendMessage{refused}, beginRefused, ""},
		"too early": {[]pgproto3.BackendMessage{parsed, begun}, nil, beginParsed, `a message of type 'C' in answer to BEGIN`},
		"another":   {[]pgproto3.BackendMessage{&pgproto3.ReadyForQuery{TxStatus: 'I'}}, nil, beginSent, `a message of type 'Z' in answer to BEGIN`},
		"too long": {
			[]pgproto3.BackendMessage{parsed, bound, &pgproto3.CommandComplete{CommandTag: []byte(strings.Repeat("x", longestAnswer))}}, nil, beginNone,
			"a message of 69 bytes in answer to BEGIN",
		},
	} {
		got, tr, err := read(t, wire(t, test.sent...), beginSent)
		require.Equal(t, wire(t, test.want...), append([]byte(nil), got...), name)
		require.Equal(t, test.begin, tr.begin.Load(), name)
		if test.err == "" {
			require.NoError(t, err, name)
		} else {
			require.EqualError(t, err, "malformed answer: "+test.err, name)
		}
	}
}
