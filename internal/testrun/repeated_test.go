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
