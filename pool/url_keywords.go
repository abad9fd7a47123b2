package pool

import "strings"

// splitKeywords reads libpq's form: host=localhost password='a b'. A backslash
// takes the next character literally. An unquoted = in a value is refused
// where libpq takes it: it is a forgotten space ("user=ann" + "password=…"),
// after which the password would be part of the user. Passwords themselves
// may hold one.
func splitKeywords(text string) ([]pair, error) {
	var pairs []pair
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimLeft(text, " ") {
		key, rest, found := strings.Cut(text, "=")
		key = strings.TrimRight(key, " ")
		if !found || !isKeyword(key) {
			return nil, errKeyword
		}
		key = canonicalKey(key)
		value, rest, quoted, err := cutValue(strings.TrimLeft(rest, " "))
		if err != nil {
			return nil, err
		}
		if !quoted && !isSecret(key) && strings.Contains(value, "=") {
			return nil, errUnquotedEq
		}
		pairs, text = append(pairs, pair{key, value}), rest
	}
	return pairs, nil
}

func isKeyword(key string) bool {
	for i := range len(key) {
		c := key[i] | 0x20
		if (c < 'a' || c > 'z') && key[i] != '_' && key[i] != '.' {
			return false
		}
	}
	return key != ""
}

// cutValue cuts a value off the text, which begins with it.
func cutValue(text string) (value, rest string, quoted bool, err error) {
	end := byte(' ')
	if strings.HasPrefix(text, "'") {
		quoted, end, text = true, '\'', text[1:]
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == end:
			return b.String(), text[i+1:], quoted, nil
		case text[i] != '\\':
			b.WriteByte(text[i])
		case i+1 < len(text):
			i++
			b.WriteByte(text[i])
		}
	}
	if quoted {
		return "", "", true, errQuote
	}
	return b.String(), "", false, nil
}
