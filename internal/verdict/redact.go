package verdict

import (
	"maps"
	"regexp"
)

// Passwords have no business here; these catch one that came along in a URL or
// in a driver's message.
var (
	urlPassword  = regexp.MustCompile(`://[^\s/@:]*:\S*@`)
	wordPassword = regexp.MustCompile(`(?i)\b(password|pgpassword|passwd|pwd)=('[^']*'|[^\s&]+)`)
)

// Redact takes passwords out of a text.
func Redact(text string) string {
	text = urlPassword.ReplaceAllString(text, "://***@")
	return wordPassword.ReplaceAllString(text, "$1=***")
}

func redactAll(texts []string) []string {
	clean := make([]string, len(texts))
	for i, text := range texts {
		clean[i] = Redact(text)
	}
	return clean
}

// redacted is a copy of the run without passwords.
func (r Run) redacted() Run {
	r.Script, r.Target = Redact(r.Script), Redact(r.Target)
	r.Configuration, r.Versions = redactValues(r.Configuration), redactValues(r.Versions)
	return r
}

func redactValues(texts map[string]string) map[string]string {
	clean := maps.Clone(texts)
	for name, text := range clean {
		clean[name] = Redact(text)
	}
	return clean
}
