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

// logHook implements logrus.Hook.
type logHook struct {
	stop   func()
	silent *logrus.Logger
}

func (*logHook) Levels() []logrus.Level { return []logrus.Level{logrus.ErrorLevel, logrus.WarnLevel} }

// Fire relies on that an entry is written to the logger that it names.
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

// FilterUncaught asks first of each error that a script did not catch in an
// iteration, before k6 prints it; where it says false nothing is printed. first
// runs under the logger's lock and must not log. The returned function ends it.
//
// k6 has no setting for this, and a hook of logrus cannot keep an entry from
// being written: a formatter that gives nothing can. The log as a whole stays as
// it is with --verbose, and where hooks write it (--log-output=file and loki).
func FilterUncaught(to logrus.FieldLogger, first func(message string) bool) (stop func()) {
	logger, ok := to.(*logrus.Logger)
	if !ok || logger.Out == io.Discard || logger.IsLevelEnabled(logrus.DebugLevel) {
		return func() {}
	}
	before := logger.Formatter
	logger.SetFormatter(&uncaughtFormatter{before, first})
	return func() { logger.SetFormatter(before) }
}

type uncaughtFormatter struct {
	logrus.Formatter
	first func(message string) bool
}

func (f *uncaughtFormatter) Format(entry *logrus.Entry) ([]byte, error) {
	if uncaught(entry) && !f.first(entry.Message) {
		return nil, nil
	}
	return f.Formatter.Format(entry)
}

// uncaught tells an iteration's error by the fields of k6's executors
// (lib/executor/helpers.go) and of errext.Format.
func uncaught(entry *logrus.Entry) bool {
	_, executor := entry.Data["executor"]
	_, scenario := entry.Data["scenario"]
	return entry.Level == logrus.ErrorLevel && executor && scenario && entry.Data["source"] == "stacktrace"
}
