package pool

import (
	"maps"
	"net/netip"
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

// renderHosts writes host:port,host:port. One port serves every host, as in
// libpq.
func renderHosts(settings map[string]string, encode func(key, value string) string) string {
	hosts := strings.Split(settings["host"], ",")
	ports := strings.Split(settings["port"], ",")
	for i, host := range hosts {
		host = renderHost(host, encode)
		if port := ports[min(i, len(ports)-1)]; port != "" {
			host += ":" + encode("port", port)
		}
		hosts[i] = host
	}
	return strings.Join(hosts, ",")
}

func renderHost(host string, encode func(key, value string) string) string {
	addr, err := netip.ParseAddr(host)
	if err != nil || !addr.Is6() {
		return encode("host", host)
	}
	return "[" + strings.ReplaceAll(host, "%", "%25") + "]"
}
