package upstream

import (
	"io"
	"strings"

	"github.com/sirupsen/logrus"
)

// What k6 tells in its log and nowhere else.
const (
	hardStop = "Aborting k6 in response to signal" // the second Ctrl-C: the process exits once this is written
	// cutOffEnd is a warning for each user that k6 cuts off and whose end of the
	// iteration somebody waits for: the wait is cut off as well. It says nothing to
	// anybody.
	cutOffEnd = "context is done before all 'IterEnd' events were processed"
)

// OnLog calls stop when k6 is about to exit at once, which waits for it, and keeps a
// warning out of the log that our listening to the ends of iterations would cause.
// It does nothing with a logger that is not k6's.
func OnLog(logger logrus.FieldLogger, stop func()) {
	var root *logrus.Logger
	switch l := logger.(type) {
	case *logrus.Logger:
		root = l
	case *logrus.Entry:
		root = l.Logger
	default:
		return
	}
	silent := logrus.New()
	silent.SetOutput(io.Discard)
	root.AddHook(&logHook{stop, silent})
}

type logHook struct {
	stop   func()
	silent *logrus.Logger
}

// Levels implements logrus.Hook.
func (*logHook) Levels() []logrus.Level { return []logrus.Level{logrus.ErrorLevel, logrus.WarnLevel} }

// Fire implements logrus.Hook. An entry is written to the logger that it names.
func (h *logHook) Fire(entry *logrus.Entry) error {
	switch entry.Level {
	case logrus.ErrorLevel:
		if strings.HasPrefix(entry.Message, hardStop) {
			h.stop()
		}
	case logrus.WarnLevel:
		if err, ok := entry.Data[logrus.ErrorKey].(error); ok && err.Error() == cutOffEnd {
			entry.Logger = h.silent
		}
	}
	return nil
}
