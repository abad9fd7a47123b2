package experiment

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
)

// OptionError is an option of an experiment that cannot be used.
type OptionError struct {
	option   string // as the script writes it
	value    string // as it was given, "" where it is not shown
	problem  string // "" where the value is simply not one that is accepted
	accepted string
}

func (e *OptionError) Error() string {
	text := "experiment option " + e.option
	if setting := settingOf(e.option); setting != "" {
		text += " (" + setting + ")"
	}
	if e.value != "" {
		text += ": " + e.value + " is not accepted"
	}
	if e.problem != "" {
		text += ": " + e.problem
	}
	return text + "; use " + e.accepted
}

// settingNamesOf are the scenarios' settings that options are read from, where the name in
// capitals is not it.
var settingNamesOf = map[string]string{
	"plan": "", "http": "", "application": "", "criteria": "",
	"users": "CONCURRENT", "waive": "STEP_WAIVE", "backoff": "RETRY_BACKOFF",
	"poolSize": "DB_POOL_SIZE", "maxOverflow": "DB_MAX_OVERFLOW", "poolTimeout": "DB_POOL_TIMEOUT",
	"poolRecycle": "DB_POOL_RECYCLE", "poolPrePing": "DB_POOL_PRE_PING",
}

// settingOf is the scenarios' setting of an option, "" where there is none.
func settingOf(option string) string {
	if setting, irregular := settingNamesOf[option]; irregular {
		return setting
	}
	if slices.Contains(optionNames(), option) {
		return strings.ToUpper(option)
	}
	return ""
}

// FileError is a file of results that an experiment cannot resume from.
type FileError struct {
	problem string // what is wrong, with both values where two differ
	err     error  // the cause, where there is one
}

func (e *FileError) Error() string {
	text := "cannot resume from this file: " + e.problem
	if e.err != nil {
		text += ": " + e.err.Error()
	}
	return text + "; name the file of the same experiment with the same settings, or start again without RESUME"
}

func (e *FileError) Unwrap() error { return e.err }

// shownLength is how much of a text an error repeats.
const shownLength = 60

// show writes a refused value. A URL may hold a password.
func show(value any) string {
	switch v := value.(type) {
	case string:
		return showText(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	case map[string]any:
		return "an object"
	default:
		return showText(fmt.Sprint(v))
	}
}

func showText(text string) string {
	if strings.Contains(text, "://") || strings.Contains(strings.ToLower(text), "password") {
		return "a string that is not shown, since it may have a password"
	}
	if utf8.RuneCountInString(text) > shownLength {
		text = string([]rune(text)[:shownLength]) + "…"
	}
	return strconv.Quote(text)
}

// Server is what the database server says of itself.
type Server struct {
	sizing.Server
	Cores int `json:"cores"` // of its host, 0 where they are not known
}

// watched is the server with the connection that reads the host's CPU during all
// steps. A role that may count the cores may read that as well.
func (s Server) watched() sizing.Server {
	if s.Cores > 0 {
		s.CPUReaders++
	}
	return s.Server
}

// available is how many connections the server leaves for a pool; known is
// false where it does not say.
func (s Server) available() (connections int, known bool) { return s.watched().Available() }

// check finds out whether a step's pool fits. Users hold one connection each at
// most.
func (s Server) check(label string, needed int) error {
	if available, known := s.available(); known && needed > available {
		return s.tooFew(label, needed)
	}
	return nil
}

// tooFew is the error of a step that the server cannot carry.
func (s Server) tooFew(label string, needed int) error {
	available, _ := s.available()
	limit, _ := sizing.Tightest(s.Limits())
	return fmt.Errorf("step %q needs %d connections and the server leaves %d (%s): use a smaller pool or raise %s",
		label, needed, available, s.watched().Arithmetic(), limit.Setting())
}
