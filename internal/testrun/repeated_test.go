package testrun

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatRepeatsIsSaidOnceAndCounted(t *testing.T) {
	var said []string
	log := func(args ...any) { said = append(said, fmt.Sprint(args...)) }
	var r repeated
	for i := range 4001 {
		line := fmt.Sprintf("request failed: http://me:geh3im@app/%d: HTTP 503", i)
		r.say(log, kindOf(line), line)
	}
	r.say(log, kindOf("x: HTTP 404"), "x: HTTP 404")
	r.say(log, kindOf("x: HTTP 500"), "x: HTTP 500\x1b[2J")
	require.Equal(t, []string{"request failed: http://***@app/0: HTTP 503", "x: HTTP 404", "x: HTTP 500\ufffd[2J"}, said)
	said = nil
	r.count()
	require.Equal(t, []string{"4001 times in all: request failed: http://***@app/0: HTTP 503"}, said)
}

// A logger calls first under its own lock: it must be able to log meanwhile.
func TestUncaughtErrorsAreCountedByLine(t *testing.T) {
	var said []string
	log := func(args ...any) { said = append(said, fmt.Sprint(args...)) }
	var r repeated
	printed := 0
	for i := range 300 {
		for _, at := range []string{"a.js:3:1", "a.js:4:1"} {
			if r.uncaught(log, fmt.Sprintf("QueryError: took %d ms\n\tat %s\n", i, at)) {
				printed++
			}
		}
	}
	require.Equal(t, 2, printed)
	require.Empty(t, said)
	r.count()
	require.Equal(t, []string{"300 times in all: QueryError: took 0 ms", "300 times in all: QueryError: took 0 ms"}, said)
}

func TestALogLineIsNeverAMegabyte(t *testing.T) {
	var r repeated
	for _, long := range []string{strings.Repeat("x", 1<<20), strings.Repeat("x y ", 1<<18)} {
		r.say(func(args ...any) {
			line := fmt.Sprint(args...)
			require.Less(t, len(line), 2100)
			require.Regexp(t, `… \(\d+ characters\)$`, line)
		}, long, long)
	}
}
