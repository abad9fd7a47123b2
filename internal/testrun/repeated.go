package testrun

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// repeated logs what a hundred users meet once, and at the end how often it was.
type repeated struct {
	mu    sync.Mutex
	kinds map[string]*repetition
}

type repetition struct {
	line  string // the first of its kind
	log   func(...any)
	times int64
}

// maxKinds bounds the memory of texts that never repeat.
const maxKinds = 1000

// say logs a line unless one of its kind has been.
func (r *repeated) say(log func(...any), kind, line string) {
	line = text.Line(line)
	if r.first(log, kind, line) {
		log(line)
	}
}

// first counts a line, and tells whether it is the first of its kind. It logs
// nothing, so that a logger may call it.
func (r *repeated) first(log func(...any), kind, line string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.kinds[kind]; known != nil {
		known.times++
		return false
	}
	if len(r.kinds) >= maxKinds {
		return false
	}
	if r.kinds == nil {
		r.kinds = make(map[string]*repetition)
	}
	r.kinds[kind] = &repetition{line, log, 1}
	return true
}

// count logs how often each was that was more than once, the most frequent
// first.
func (r *repeated) count() {
	r.mu.Lock()
	often := slices.SortedFunc(maps.Values(r.kinds), func(a, b *repetition) int {
		return cmp.Or(cmp.Compare(b.times, a.times), cmp.Compare(a.line, b.line))
	})
	r.kinds = nil
	r.mu.Unlock()
	for _, k := range often {
		if k.times > 1 {
			k.log(fmt.Sprintf("%d times in all: %s", k.times, k.line))
		}
	}
}

// uncaught counts what k6 logs of an iteration that ended with an error: its
// message, and the script's lines that it came through.
func (r *repeated) uncaught(log func(...any), message string) bool {
	line, stack, _ := strings.Cut(message, "\n")
	return r.first(log, kindOf(line)+"\n"+stack, text.Line(line))
}

// numbers are those that say nothing of an error's kind: times, counts and
// names with a number. Its code does.
var numbers = regexp.MustCompile(`(HTTP |SQLSTATE )?\d+`)

func kindOf(line string) string {
	return numbers.ReplaceAllStringFunc(text.Line(line), func(number string) string {
		if strings.Contains(number, " ") {
			return number
		}
		return "#"
	})
}

// ErrorOnce logs a line as an error, once in the process, and its number at the
// end. Two lines that differ only in numbers that are no codes are of one kind.
func (t *Run) ErrorOnce(line string) { t.said.say(t.logger.Error, kindOf(line), line) }

// warnOnce is ErrorOnce for a warning of a kind that the caller names.
func (t *Run) warnOnce(kind, line string) { t.said.say(t.logger.Warn, kind, line) }
