package child

import (
	"io"
	"os"
	"strings"
)

// Tail returns the last lines of what a program wrote to a file in one line, separated by " | ". It is empty if
// there is no such file.
func Tail(name string) string {
	const (
		tail  = 4096 // bytes
		lines = 5
	)
	file, err := os.Open(name) // #nosec G304 -- the caller's own
	if err != nil {
		return "" // not written yet, or removed
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err == nil && info.Size() > tail {
		_, _ = file.Seek(-tail, io.SeekEnd) // after an error all of it is read
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return "unreadable: " + err.Error()
	}
	return LastLines(string(text), lines)
}

// LastLines are the last lines of a text that are not empty, separated by " | ".
func LastLines(text string, count int) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-count):], " | ")
}
