package embedded

import (
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	logTail  = 4096 // bytes
	logLines = 5
)

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

// Logs returns the last lines of the server's log in one line, separated by " | ". It is empty where there is no log.
func (s *Server) Logs() string {
	if s.dir == "" {
		return ""
	}
	file, err := os.Open(s.logFile())
	if err != nil {
		return "" // not yet or no more there
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err == nil && info.Size() > logTail {
		_, _ = file.Seek(-logTail, io.SeekEnd) // at worst it's read from the start
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return "unreadable: " + err.Error()
	}
	return lastLines(string(text), logLines)
}

func lastLines(text string, count int) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-count):], " | ")
}

// logged tells whether the server's last words contain text. They are English, as the server runs in the C locale.
func (s *Server) logged(text string) bool { return strings.Contains(s.Logs(), text) }
