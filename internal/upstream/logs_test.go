package upstream

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
)

// That k6 has these texts is what cmd/k6 tests: a second Ctrl-C, and users who are
// cut off.
func TestOnLog(t *testing.T) {
	var written bytes.Buffer
	logger := logrus.New()
	logger.SetOutput(&written)
	stopped := 0
	OnLog(logger.WithField("of", "a user"), func() { stopped++ })
	logger.WithError(errors.New(cutOffEnd)).Warn()
	require.Empty(t, written.String())
	logger.WithError(errors.New("another")).Warn("kept")
	logger.Error("kept too")
	require.Contains(t, written.String(), "kept too")
	require.Contains(t, written.String(), "another")
	require.Zero(t, stopped)
	logger.WithField("sig", "interrupt").Error(hardStop)
	require.Equal(t, 1, stopped)
	require.Contains(t, written.String(), hardStop)
}

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
