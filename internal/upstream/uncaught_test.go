package upstream

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
)

// That these are the fields of k6 is shown by a run of k6: cmd/k6,
// TestLeaksAreCountedAtTheEndOfTheIteration.
func TestUncaughtErrorsAreFiltered(t *testing.T) {
	ofIteration := logrus.Fields{"executor": "constant-vus", "scenario": "default", "source": "stacktrace"}
	for name, c := range map[string]struct {
		prepare func(*logrus.Logger)
		printed int
	}{
		"as k6 logs":   {func(*logrus.Logger) {}, 1 + 2},
		"as JSON":      {func(l *logrus.Logger) { l.SetFormatter(&logrus.JSONFormatter{}) }, 1 + 2},
		"with verbose": {func(l *logrus.Logger) { l.SetLevel(logrus.DebugLevel) }, 3 + 2},
	} {
		var out bytes.Buffer
		logger := logrus.New()
		logger.SetOutput(&out)
		c.prepare(logger)
		before, asked := logger.Formatter, 0
		stop := FilterUncaught(logger, func(string) bool { asked++; return asked == 1 })
		for range 3 {
			logger.WithFields(ofIteration).Error("mine")
		}
		logger.WithField("source", "stacktrace").Error("of setup()")
		logger.WithFields(ofIteration).Warn("a warning")
		require.Equal(t, c.printed, strings.Count(out.String(), "\n"), "%s: %s", name, &out)
		stop()
		require.Same(t, before, logger.Formatter)
	}

	logger := logrus.New()
	logger.SetOutput(io.Discard) // a hook formats entries, and writes all of them
	before := logger.Formatter
	FilterUncaught(logger, func(string) bool { return false })
	require.Same(t, before, logger.Formatter)
	FilterUncaught(logger.WithField("a", 1), nil)() // not k6's own logger
}
