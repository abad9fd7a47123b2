package text

import "regexp"

// Mask stands in the place of what is not shown.
const Mask = "***"

var (
	// Of a URL everything before the @: a user without a password is what
	// user:password with a forgotten colon looks like.
	// It may have lost a slash on its way through a file name.
	credentials = regexp.MustCompile(`(:/+)(?:[^\s/@:]*:\S*|[^\s/@:?#]+)@`)
	// name=value, and "name": "value" as JSON and YAML have it.
	assignment = regexp.MustCompile(`(?i)\b([\w-]*(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|signature|credentials?)(?:["']?\s*=\s*|["']:\s*))('[^']*'|"[^"]*"|[^\s&]+)`)
	// The short names that URLs have for them.
	parameter = regexp.MustCompile(`(?i)([?&](?:key|sig|auth|code|jwt)=)[^\s&#]+`)
	// pgx names the user of a server that it cannot reach.
	connecting    = regexp.MustCompile("(`user=)[^\\s`]+")
	authorization = regexp.MustCompile(`(?i)\b((?:proxy-)?authorization["']?\s*[:=]\s*["']?(?:\w+\s+)?)[^\s"',]+`)
)

// Redact takes passwords and tokens out of a text, wherever they came from: of
// URLs, of connection strings, of query parameters and of headers.
func Redact(s string) string {
	s = credentials.ReplaceAllString(s, "${1}"+Mask+"@")
	s = assignment.ReplaceAllString(s, "${1}"+Mask)
	s = connecting.ReplaceAllString(s, "${1}"+Mask)
	s = parameter.ReplaceAllString(s, "${1}"+Mask)
	return authorization.ReplaceAllString(s, "${1}"+Mask)
}
