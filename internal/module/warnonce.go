package module

import (
	"regexp"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

var digits = regexp.MustCompile(`\d+`)

// warnOnce logs a text as an error, once in the process: a hundred users who
// meet the same failure are one line. Two texts that differ only in numbers are
// the same.
func (i *instance) warnOnce(call sobek.FunctionCall) sobek.Value {
	line := text.Line(call.Argument(0).String())
	if i.test.firstTime(digits.ReplaceAllString(line, "#")) {
		i.logger.Error(line)
	}
	return sobek.Undefined()
}

// maxKinds bounds the memory of texts that never repeat.
const maxKinds = 1000

func (t *testRun) firstTime(kind string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.said == nil {
		t.said = make(map[string]struct{})
	}
	if _, known := t.said[kind]; known || len(t.said) >= maxKinds {
		return false
	}
	t.said[kind] = struct{}{}
	return true
}
