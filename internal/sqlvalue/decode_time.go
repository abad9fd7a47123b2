package sqlvalue

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"

	"github.com/grafana/sobek"
)

// PostgreSQL counts from 2000-01-01, JavaScript from 1970-01-01, both in UTC.
const (
	postgresEpochMillis = 946_684_800_000
	millisPerDay        = 24 * 60 * 60 * 1000
)

// decodeBinaryTimestamp reads microseconds. They are cut to milliseconds, not
// rounded, before 1970 as after: .9996 s stays in its second.
func decodeBinaryTimestamp(c *Converter, src []byte) (sobek.Value, error) {
	if len(src) != 8 {
		return nil, errBinarySize
	}
	micros := int64(binary.BigEndian.Uint64(src)) // #nosec G115 -- the wire's two's complement
	return c.moment(micros, math.MinInt64, math.MaxInt64, floorDiv(micros, 1000)+postgresEpochMillis)
}

func decodeBinaryDate(c *Converter, src []byte) (sobek.Value, error) {
	if len(src) != 4 {
		return nil, errBinarySize
	}
	days := int64(int32(binary.BigEndian.Uint32(src))) // #nosec G115 -- the wire's two's complement
	return c.moment(days, math.MinInt32, math.MaxInt32, days*millisPerDay+postgresEpochMillis)
}

// moment makes a Date, and ±Infinity where the wire's number is at an end of its range.
func (c *Converter) moment(wire, least, most, millis int64) (sobek.Value, error) {
	switch wire {
	case most:
		return c.rt.ToValue(math.Inf(1)), nil
	case least:
		return c.rt.ToValue(math.Inf(-1)), nil
	}
	return c.date(millis)
}

func floorDiv(n, by int64) int64 {
	quotient := n / by
	if n%by < 0 {
		quotient--
	}
	return quotient
}

// decodeTextTime reads a timestamptz, timestamp or date in DateStyle ISO,
// PostgreSQL's default. In any other style day and month can be mistaken for
// each other: such a value stays the text it is.
func decodeTextTime(c *Converter, src []byte) (sobek.Value, error) {
	switch string(src) {
	case "infinity":
		return c.rt.ToValue(math.Inf(1)), nil
	case "-infinity":
		return c.rt.ToValue(math.Inf(-1)), nil
	}
	if millis, ok := parseTime(src); ok {
		return c.date(millis)
	}
	return decodeString(c, src)
}

// date makes a Date. One beyond JavaScript's range, which ends with the year
// 275760, is an Invalid Date as new Date() makes it.
func (c *Converter) date(millis int64) (sobek.Value, error) {
	if c.dateClass == nil {
		c.dateClass = c.rt.GlobalObject().Get("Date")
	}
	return c.rt.New(c.dateClass, c.rt.ToValue(millis))
}

// parseTime reads 2024-01-31[ 23:59:59[.999999][+05[:30[:15]]]][ BC].
func parseTime(src []byte) (unixMillis int64, ok bool) {
	text, bc := bytes.CutSuffix(src, []byte(" BC"))
	p := timeParser{rest: text, ok: true}
	year := p.number(4, 7)
	month := p.pair('-')
	day := p.pair('-')
	var millis int64
	if p.next(' ') {
		millis = p.clock() - p.offset()
	}
	if !p.ok || len(p.rest) != 0 || month < 1 || month > 12 || day < 1 || day > 31 {
		return 0, false
	}
	if bc {
		year = 1 - year
	}
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).UnixMilli() + millis, true
}

type timeParser struct {
	rest []byte
	ok   bool
}

// number reads between least and most digits.
func (p *timeParser) number(least, most int) int {
	n, digits := 0, 0
	for digits < most && digits < len(p.rest) && p.rest[digits] >= '0' && p.rest[digits] <= '9' {
		n = n*10 + int(p.rest[digits]-'0')
		digits++
	}
	p.rest = p.rest[digits:]
	p.ok = p.ok && digits >= least
	return n
}

func (p *timeParser) next(char byte) bool {
	if len(p.rest) == 0 || p.rest[0] != char {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// pair reads two digits that must follow a separator.
func (p *timeParser) pair(separator byte) int {
	p.ok = p.next(separator) && p.ok
	return p.number(2, 2)
}

// clock reads the time of day in milliseconds; further digits are cut.
func (p *timeParser) clock() int64 {
	hour := p.number(2, 2)
	minute := p.pair(':')
	second := p.pair(':')
	millis := 0
	if p.next('.') {
		for unit := 100; len(p.rest) > 0 && p.rest[0] >= '0' && p.rest[0] <= '9'; unit /= 10 {
			millis += p.number(1, 1) * unit
		}
	}
	return int64(((hour*60+minute)*60+second)*1000 + millis)
}

// offset reads how far local time is ahead of UTC, in milliseconds.
func (p *timeParser) offset() int64 {
	sign := int64(1)
	switch {
	case p.next('-'):
		sign = -1
	case !p.next('+'):
		return 0
	}
	seconds := p.number(2, 2) * 3600
	if p.next(':') {
		seconds += p.number(2, 2) * 60
	}
	if p.next(':') {
		seconds += p.number(2, 2)
	}
	return sign * int64(seconds) * 1000
}
