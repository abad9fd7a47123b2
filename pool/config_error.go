package pool

import (
	"fmt"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// SourceOption is the ConfigError.Source of a value given by the script.
const SourceOption = "option"

// ConfigError says that a setting cannot be used: which one, where it came
// from, what it was and what is accepted instead. Its text is one line and
// never holds a password. It wraps nothing on purpose: the errors of the
// parsers underneath carry the whole connection string.
type ConfigError struct {
	// Option is the option's name as a script writes it, "" where no single
	// option is to blame (a .env file that cannot be read).
	Option string
	// Source is where the value came from: "option" for the script, else the
	// name of the environment variable, of the URL's parameter or of the file.
	Source string
	// Value is the refused value as it was written, redacted and shortened,
	// "" where there is none to show.
	Value string
	// Reason is what is wrong with the value, "" where Accepted says it all.
	Reason string
	// Accepted is what to write instead.
	Accepted string
}

// Error is one line without a password.
func (e *ConfigError) Error() string {
	var b strings.Builder
	b.WriteString(e.subject())
	switch {
	case e.Value != "" && e.Reason != "":
		fmt.Fprintf(&b, ": %s is not accepted: %s", e.Value, e.Reason)
	case e.Value != "":
		fmt.Fprintf(&b, ": %s is not accepted", e.Value)
	case e.Reason != "":
		b.WriteString(": " + e.Reason)
	}
	if e.Accepted != "" {
		b.WriteString("; use " + e.Accepted)
	}
	return b.String()
}

func (e *ConfigError) subject() string {
	switch {
	case e.Option == "":
		return e.Source
	case e.Source == "" || e.Source == SourceOption:
		return "option " + e.Option
	default:
		return fmt.Sprintf("option %s (from %s)", e.Option, e.Source)
	}
}

// shown is a refused value for an error: short, without a connection string.
func shown(value any) string {
	s, ok := value.(string)
	switch {
	case !ok:
		return fmt.Sprint(value)
	case strings.ContainsAny(s, "@="):
		return text.Mask
	default:
		return text.Quote(s)
	}
}
