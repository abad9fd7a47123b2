package command

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
)

func sampleOf(active int, at time.Duration) monitor.Sample {
	return monitor.Sample{
		Time: time.Unix(0, 0).Add(at), Pool: monitor.Pool{Size: 20, MaxOverflow: 40},
		Database: &monitor.Database{Sessions: monitor.Sessions{Open: active, Active: active}},
	}
}

func TestTerminalShowsColorAndTheLastMinute(t *testing.T) {
	var out strings.Builder
	text := monitorText{w: &out, terminal: terminal{live: true, color: true, width: func() int { return 80 }}}
	for i, active := range []int{0, 10, 16, 25} {
		require.NoError(t, text.sample(sampleOf(active, time.Duration(i)*20*time.Second)))
	}
	require.NoError(t, text.notice(monitor.Notice{}))
	lines := strings.Split(out.String(), "\n")
	require.True(t, strings.HasPrefix(lines[0], "\x1b[32mPool Status: Active=0,"), "green: %q", lines[0])
	require.True(t, strings.HasPrefix(lines[1], "▁ last minute, peak 0 of 20, none\r\x1b[K\x1b[32mPool Status: Active=10,"), "%q", lines[1])
	require.Contains(t, lines[2], "\x1b[33mPool Status: Active=16,", "yellow from 80 % on")
	require.Contains(t, lines[3], "\x1b[31mPool Status: Active=25,", "red in overflow")
	require.Equal(t, "▁▃▅█ last minute, peak 25 of 20, none\r\x1b[K", lines[4], "and gone for the notice")
}

func TestLastMinuteForgets(t *testing.T) {
	var m lastMinute
	for i := range 100 {
		m.add(sampleOf(100-i, time.Duration(i)*time.Second))
	}
	require.Len(t, m.samples, 61)
	require.Contains(t, m.line(200, "none"), "peak 61 of 20")
}

func TestLastMinuteFitsTheTerminal(t *testing.T) {
	var m lastMinute
	for i := range 60 {
		m.add(sampleOf(i, time.Duration(i)*time.Second))
	}
	for columns := range 120 {
		line := []rune(m.line(columns, "none"))
		require.LessOrEqual(t, len(line), columns)
		if len(line) > 0 {
			require.Contains(t, string(line), "█ last minute", "the newest is the last to be left out")
		}
	}
}

func TestNoColorOnATerminal(t *testing.T) {
	var out strings.Builder
	text := monitorText{w: &out, terminal: terminal{live: true, width: func() int { return 80 }}}
	require.NoError(t, text.sample(sampleOf(5, 0)))
	require.True(t, strings.HasPrefix(out.String(), "Pool Status: Active=5, Available=15, Total=20, Utilization=25.0%\n"))
}

func TestBlockedText(t *testing.T) {
	require.Empty(t, blockedText(nil))
	require.Equal(t, " (4711 by 4710 4712; 4713 by 4711)", blockedText([]monitor.Blocked{
		{PID: 4711, By: []int32{4710, 4712}}, {PID: 4713, By: []int32{4711}},
	}))
}

// The load that the server shows is not all of it where connections are used for
// other things.
func TestNoSizeForConnectionsThatRest(t *testing.T) {
	r := monitor.Report{Pool: monitor.Pool{Size: 5, MaxOverflow: 10}, Active: &monitor.Level{Mean: 13.9, Peak: 15}}
	r.Load.Sampled.InUse = &monitor.Level{Mean: 0.2, Peak: 1}
	require.Contains(t, poolForWatch(r, nil).text(), "not sized: 13.9 connections were in use on average, and 0.2 of them for the database")
	r.Load.Sampled.InUse.Mean = 9.5 // over a network the server sees two of three
	require.NotContains(t, poolForWatch(r, nil).Missing, "for the database")
}

func TestAge(t *testing.T) {
	require.Equal(t, "0.0s", age(0))
	require.Equal(t, "59.9s", age(59.94))
	require.Equal(t, "1h1m1s", age(3661.2))
}

// What was never seen is not at rest, and a watch is no longer than it was.
func TestReportOfAShortWatch(t *testing.T) {
	settings := watching(t)
	settings.interval = 10 * time.Second
	report := func(s monitor.Sample) string {
		var tally monitor.Tally
		tally.Add(s)
		tally.Add(monitor.Sample{Time: s.Time, Pool: s.Pool})
		summary, err := summarize(settings, tally.Report(), 2*time.Second)
		require.NoError(t, err)
		return summary.text(terminal{})
	}
	seen := report(sampleOf(1, 0))
	require.Contains(t, seen, "Report on app: 1 sample in 2 s, one every 10 s\n  1 more time the database did not answer\n")
	require.Contains(t, seen, "Nothing was found that slows the application down.\n")
	require.NotContains(t, report(sampleOf(0, 0)), "Nothing was seen")
}
