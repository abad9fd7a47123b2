package pool

import (
	"net/url"
	"strings"
)

// percentDecode decodes %XX. Its error does not repeat the text.
func percentDecode(s string) (string, error) {
	decoded, err := url.PathUnescape(s)
	switch {
	case err != nil:
		return "", errPercent
	case strings.ContainsRune(decoded, 0):
		return "", errZeroByte
	default:
		return decoded, nil
	}
}

// percentDecodeLenient decodes as Python's unquote does: what is not a code
// stays as it is.
func percentDecodeLenient(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+3 <= len(s) {
			if decoded, err := url.PathUnescape(s[i : i+3]); err == nil {
				b.WriteString(decoded)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// percentEncode encodes all but letters, digits and "-_.~". Unlike
// url.QueryEscape it writes a space as %20: libpq and pgx take + for itself.
func percentEncode(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
