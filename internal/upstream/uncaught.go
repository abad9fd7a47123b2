package upstream

import (
	"io"

	"github.com/sirupsen/logrus"
)

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

// Format implements logrus.Formatter.
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
