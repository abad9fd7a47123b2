package pool

import (
	"maps"
	"slices"
	"strings"
)

// renderURL writes settings as a postgres:// URL that pgx reads back as the
// same settings. encode writes one value; keys need no encoding.
func renderURL(settings map[string]string, encode func(key, value string) string) string {
	var b strings.Builder
	b.WriteString("postgres://")
	user, password := encode("user", settings["user"]), encode("password", settings["password"])
	if user != "" || password != "" {
		b.WriteString(user)
		if password != "" {
			b.WriteString(":" + password)
		}
		b.WriteString("@")
	}
	b.WriteString(renderHosts(settings, encode))
	if database := encode("database", settings["database"]); database != "" {
		b.WriteString("/" + database)
	}

	separator := "?"
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		switch key {
		case "user", "password", "host", "port", "database":
			continue
		}
		b.WriteString(separator + key + "=" + encode(key, settings[key]))
		separator = "&"
	}
	return b.String()
}
