package pool

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// errCopyIn: the server waits for rows that nobody sends, and pgx waits for the
// server. Without this error both would wait until the caller is cut off.
var errCopyIn = errors.New("COPY … FROM STDIN is not supported, and its connection was closed: " +
	"use copyFrom(table, columns, rows) for many rows")

// messageGuard looks at the type and the length of every message that a server
// sends: one byte, then the length of the rest, the length's own four bytes
// included. It makes a connection fail whose server asks for rows or sends what
// is no message, and cuts the texts of errors and notices, which pgx would keep
// whole.
type messageGuard struct {
	transport *transport
	buffered  *bufio.Reader
	pass      int    // bytes that pgx may read before the guard looks again
	cut       []byte // of a message that was cut: what pgx has still to read
	quiet     bool   // nothing that passes is an answer to a statement
}

const (
	headerSize = 5
	// longestText is how much of one text of an error or a notice is kept, in
	// bytes. Messages with no more than this in all pass as they are.
	longestText = 8 << 10
	// bufferSize is twice what a server sends at once.
	bufferSize = 16 << 10
)

// Types of messages.
const (
	commandComplete    = 'C'
	copyBothResponse   = 'W'
	copyInResponse     = 'G'
	copyOutResponse    = 'H'
	dataRow            = 'D'
	emptyQueryResponse = 'I'
	errorResponse      = 'E'
	noticeResponse     = 'N'
	notification       = 'A'
	parseComplete      = '1'
	bindComplete       = '2'
	parameterStatus    = 'S'
	readyForQuery      = 'Z'
)

func newMessageGuard(r io.Reader, t *transport) *messageGuard {
	g := &messageGuard{transport: t}
	g.buffered = bufio.NewReaderSize(&listener{from: r, guard: g}, bufferSize)
	return g
}

// listener notes what arrives from the server. It stays with its first error, which a
// socket gives once: who reads on would find the end of a connection that was reset.
type listener struct {
	from   io.Reader
	guard  *messageGuard
	failed error
}

func (l *listener) Read(p []byte) (int, error) {
	if l.failed != nil {
		return 0, l.failed
	}
	n, err := l.from.Read(p)
	if n > 0 && !l.guard.quiet {
		l.guard.transport.heard.Add(1)
	}
	if err != nil {
		l.guard.transport.note(err)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			l.failed = err
		}
	}
	return n, err
}

func (g *messageGuard) Read(p []byte) (int, error) {
	for g.pass == 0 && len(g.cut) == 0 {
		if err := g.look(); err != nil {
			return 0, err
		}
	}
	if len(g.cut) > 0 {
		n := copy(p, g.cut)
		g.cut = g.cut[n:]
		return n, nil
	}
	n, err := g.buffered.Read(p[:min(len(p), g.pass)])
	g.pass -= n
	return n, err
}

// look waits for the next message, and lets it and those after it pass that have
// arrived already. An answer to a BEGIN that a statement took along it drops.
func (g *messageGuard) look() error {
	if _, err := g.buffered.Peek(headerSize); err != nil {
		return err
	}
	arrived, _ := g.buffered.Peek(g.buffered.Buffered())
	if own, err := g.answerToBegin(arrived); own || err != nil {
		return err
	}
	g.quiet = true
	for len(arrived) >= headerSize && (g.pass == 0 || !g.transport.awaitsBegin()) {
		kind, size := arrived[0], int64(binary.BigEndian.Uint32(arrived[1:headerSize]))
		if size < headerSize-1 {
			return &malformedError{fmt.Sprintf("a message of %d bytes", size)}
		}
		if hasTexts(kind) && size > longestText {
			if g.pass > 0 {
				return nil // until those before it are read
			}
			return g.cutTexts(kind, size-headerSize+1)
		}
		if err := g.note(kind); err != nil {
			return err
		}
		g.pass += int(size) + 1
		arrived = arrived[min(int(size)+1, len(arrived)):]
	}
	return nil
}

// next gives the type and the body of the next message, for who can do without pgx: they
// drop it, or leave it to pgx. The body is good until then. pgx must not have read a part
// of what comes. Whatever is wrong is left to pgx, which comes upon it too.
func (g *messageGuard) next() (kind byte, body []byte, ok bool) {
	for g.pass == 0 && len(g.cut) == 0 {
		if g.look() != nil {
			return 0, nil, false
		}
	}
	if len(g.cut) > 0 {
		return 0, nil, false
	}
	head, err := g.buffered.Peek(headerSize)
	if err != nil {
		return 0, nil, false
	}
	kind = head[0]
	size := int64(binary.BigEndian.Uint32(head[1:])) + 1
	if size > bufferSize || size > int64(g.pass) {
		return 0, nil, false
	}
	whole, err := g.buffered.Peek(int(size))
	if err != nil {
		return 0, nil, false
	}
	return kind, whole[headerSize:], true
}

// drop removes the message with this body.
func (g *messageGuard) drop(body []byte) {
	n, _ := g.buffered.Discard(headerSize + len(body)) // next has peeked at it
	g.pass -= n
}

func hasTexts(kind byte) bool { return kind == errorResponse || kind == noticeResponse }

func (g *messageGuard) note(kind byte) error {
	switch kind {
	case copyInResponse, copyBothResponse:
		if kind == copyBothResponse || !g.transport.copying.Load() {
			g.transport.copyIn.Store(true)
			return errCopyIn
		}
	case copyOutResponse:
		g.transport.copyOut.Store(true)
	case commandComplete, emptyQueryResponse:
		g.transport.completed.Add(1)
	case noticeResponse, notification, parameterStatus:
		return nil // a server may send them whenever it likes
	}
	if g.quiet {
		g.quiet = false
		g.transport.heard.Add(1)
	}
	return nil
}

// cutTexts reads the body of an error or a notice, which is texts behind a byte
// for their kind, each with a zero byte at its end, and keeps of each no more
// than longestText.
func (g *messageGuard) cutTexts(kind byte, size int64) error {
	_, _ = g.buffered.Discard(headerSize) // look has peeked at it
	g.quiet = kind == noticeResponse
	body := bufio.NewReader(io.LimitReader(g.buffered, size))
	message := make([]byte, headerSize, headerSize+longestText)
	for len(message) < 16*longestText {
		field, err := body.ReadByte()
		if err != nil || field == 0 {
			break
		}
		message = append(message, field)
		if message, err = appendText(message, body); err != nil {
			return err
		}
	}
	message = append(message, 0)
	message[0] = kind
	binary.BigEndian.PutUint32(message[1:headerSize], uint32(len(message)-1)) // #nosec G115 -- at most 16 texts
	if _, err := io.Copy(io.Discard, body); err != nil {
		return err
	}
	g.cut = message
	return nil
}

func appendText(message []byte, body *bufio.Reader) ([]byte, error) {
	kept, ended := 0, false
	for !ended {
		part, err := body.ReadSlice(0)
		switch {
		case err == nil:
			ended, part = true, bytes.TrimSuffix(part, []byte{0})
		case errors.Is(err, io.EOF): // a text without its end
			ended = true
		case !errors.Is(err, bufio.ErrBufferFull):
			return message, err
		}
		part = part[:min(len(part), longestText-kept)]
		kept += len(part)
		message = append(message, part...)
	}
	return append(message, 0), nil
}

// longestAnswer is more than any answer to a BEGIN has, in bytes.
const longestAnswer = 64

// answerToBegin reads the first message of what has arrived where it is an answer to
// a BEGIN that a statement took along: pgx does not know of that.
func (g *messageGuard) answerToBegin(arrived []byte) (own bool, err error) {
	own, err = g.transport.answersBegin(arrived[0])
	if !own || err != nil {
		return own, err
	}
	size := binary.BigEndian.Uint32(arrived[1:headerSize])
	if size > longestAnswer {
		return true, &malformedError{fmt.Sprintf("a message of %d bytes in answer to BEGIN", size)}
	}
	g.transport.heard.Add(1)
	_, err = g.buffered.Discard(int(size) + 1)
	return true, err
}

func (t *transport) awaitsBegin() bool {
	state := t.begin.Load()
	return state >= beginSent && state <= beginBound
}

// answersBegin tells whether a message of this kind is an answer to a BEGIN that is
// not for pgx. Its error is the statement's too, and passes.
func (t *transport) answersBegin(kind byte) (own bool, err error) {
	switch state := t.begin.Load(); {
	case !t.awaitsBegin(), kind == noticeResponse || kind == notification || kind == parameterStatus:
		return false, nil
	case kind == errorResponse:
		t.begin.Store(beginRefused)
		return false, nil
	case state == beginSent && kind == parseComplete:
		t.begin.Store(beginParsed)
	case state == beginParsed && kind == bindComplete:
		t.begin.Store(beginBound)
	case state == beginBound && kind == commandComplete:
		t.begin.Store(beginNone)
	default:
		return false, &malformedError{fmt.Sprintf("a message of type %q in answer to BEGIN", kind)}
	}
	return true, nil
}
