package pool

import (
	"encoding/binary"
	"errors"
	"io"
)

// errCopyIn: the server waits for rows that nobody is going to send, and pgx
// waits for the server. Without this both would wait until k6 cuts them off.
var errCopyIn = errors.New("COPY … FROM STDIN is not supported, and its connection was closed: " +
	"use INSERT … SELECT unnest($1::int[]) for many rows")

// copyInGuard makes a connection fail when the server asks for rows. It looks
// at the type of every message that passes: one byte, then
// the length of the rest, itself included.
type copyInGuard struct {
	r         io.Reader
	transport *transport
	header    [5]byte
	have      int // bytes of header
	skip      int // bytes of the message that are still to come
}

// Types of messages by which a server asks for rows.
const (
	copyInResponse   = 'G'
	copyBothResponse = 'W'
)

func (g *copyInGuard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	if n > 0 {
		g.transport.heard.Add(1)
	}
	if err != nil {
		g.transport.note(err)
	}
	for rest := p[:n]; len(rest) > 0; {
		if g.skip > 0 {
			passed := min(g.skip, len(rest))
			g.skip -= passed
			rest = rest[passed:]
			continue
		}
		copied := copy(g.header[g.have:], rest)
		g.have += copied
		rest = rest[copied:]
		if g.have < len(g.header) {
			break
		}
		if t := g.header[0]; t == copyInResponse || t == copyBothResponse {
			g.transport.copyIn.Store(true)
			return 0, errCopyIn
		}
		g.have = 0
		g.skip = int(binary.BigEndian.Uint32(g.header[1:])) - 4
	}
	return n, err
}
