package command

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// monitorText writes the runbook's lines. On a terminal they are colored, and
// the last minute follows them on a line that is drawn anew.
type monitorText struct {
	w        io.Writer
	wide     bool
	terminal terminal
	minute   lastMinute
	causes   recentCauses
	drawn    bool // the line of the last minute stands below the lines
}

func (f *monitorText) sample(s monitor.Sample) error {
	cause := f.causes.of(s)
	if s.Database == nil {
		return nil // a notice has said so
	}
	line := s.StatusLine()
	if f.wide {
		line = wideLine(s, cause)
	}
	said := f.erase() + f.terminal.paint(levelColor(s), text.Clean(line)) + "\n"
	if f.terminal.live {
		f.minute.add(s)
		said += f.minute.line(f.terminal.width(), cause)
		f.drawn = true
	}
	_, err := io.WriteString(f.w, said)
	return err
}

// notice makes room: the log writes to the same terminal.
func (f *monitorText) notice(monitor.Notice) error {
	_, err := io.WriteString(f.w, f.erase())
	return err
}

func (f *monitorText) report(s monitorSummary) error {
	_, err := io.WriteString(f.w, f.erase()+s.text(f.terminal))
	return err
}

// erase takes the line of the last minute away.
func (f *monitorText) erase() string {
	if !f.drawn {
		return ""
	}
	f.drawn = false
	return "\r\x1b[K"
}

// wideLine puts what is known beyond the runbook's line between it and its
// comment. "-" stands for what is not known.
func wideLine(s monitor.Sample, cause string) string {
	line, comment, commented := strings.Cut(s.StatusLine(), "  #")
	d := s.Database
	var b strings.Builder
	b.WriteString(line)
	fmt.Fprintf(&b, ", Open=%d, Idle=%d, Overflow=%d, Waiting=%s", d.Open, d.Idle, s.Overflow(), waiting(s.Application))
	fmt.Fprintf(&b, ", IdleInTransaction=%d, LongestTransaction=%s", d.IdleInTransaction, age(d.LongestTransaction))
	fmt.Fprintf(&b, ", LockWaits=%d%s", d.LockWaits, blockedText(d.Blocked))
	fmt.Fprintf(&b, ", DatabaseCPU=%s, Headroom=%s", cpuText(d.CPU), headroomText(*d))
	if a := s.Application; a != nil {
		fmt.Fprintf(&b, ", CheckedOut=%d, CheckedIn=%d", a.CheckedOut, a.CheckedIn)
	}
	if d.Hidden > 0 {
		fmt.Fprintf(&b, ", Hidden=%d", d.Hidden)
	}
	if p := s.Pooler; p != nil && p.Told {
		fmt.Fprintf(&b, ", PgBouncerWaiting=%d, PgBouncerActive=%d/%d", p.ClientsWaiting, p.ServersActive, p.PoolSize)
	}
	fmt.Fprintf(&b, ", Cause=%s", cause)
	if commented {
		b.WriteString("  #" + comment)
	}
	return b.String()
}

const unknown = "-"

func waiting(a *monitor.Application) string {
	if a == nil || a.Waiting == nil {
		return unknown
	}
	return strconv.Itoa(*a.Waiting)
}

func cpuText(percent *float64) string {
	if percent == nil {
		return unknown
	}
	return fmt.Sprintf("%.1f%%", *percent)
}

// headroomText is the room under the tightest limit, with its name where it
// is not the server's.
func headroomText(d monitor.Database) string {
	limit, known := d.Headroom()
	switch {
	case !known:
		return unknown
	case limit.Name == "":
		return strconv.Itoa(limit.Room())
	default:
		return fmt.Sprintf("%d (%s %s)", limit.Room(), limit.Scope, limit.Name)
	}
}

// blockedText says who waits for whom: " (4711 by 4710 4712; 4713 by 4711)".
func blockedText(blocked []monitor.Blocked) string {
	if len(blocked) == 0 {
		return ""
	}
	parts := make([]string, len(blocked))
	for i, b := range blocked {
		by := make([]string, len(b.By))
		for j, pid := range b.By {
			by[j] = strconv.Itoa(int(pid))
		}
		parts[i] = fmt.Sprintf("%d by %s", b.PID, strings.Join(by, " "))
	}
	return " (" + strings.Join(parts, "; ") + ")"
}

// age writes seconds to a tenth, and minutes and hours without.
func age(seconds float64) string {
	if seconds < 60 {
		return fmt.Sprintf("%.1fs", seconds)
	}
	return monitor.Seconds(seconds).Round(time.Second).String()
}
