package pool

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// splitHosts reads host:port,host:port into libpq's two aligned lists.
func splitHosts(text string) ([]pair, error) {
	if text == "" {
		return nil, nil
	}
	var hosts, ports []string
	for element := range strings.SplitSeq(text, ",") {
		host, port, err := splitHost(element)
		if err != nil {
			return nil, err
		}
		hosts, ports = append(hosts, host), append(ports, port)
	}
	pairs := []pair{{"host", strings.Join(hosts, ",")}}
	if strings.Join(ports, "") != "" {
		pairs = append(pairs, pair{"port", strings.Join(ports, ",")})
	}
	return pairs, nil
}

func splitHost(element string) (host, port string, err error) {
	if bracketed, ok := strings.CutPrefix(element, "["); ok {
		var closed bool
		host, port, closed = strings.Cut(bracketed, "]")
		if !closed || (port != "" && port[0] != ':') {
			return "", "", errBracket
		}
		port = strings.TrimPrefix(port, ":")
	} else {
		host, port, _ = strings.Cut(element, ":")
	}
	if !isPort(port) {
		return "", "", errPort
	}
	if host, err = percentDecode(host); err != nil {
		return "", "", err
	}
	return host, port, nil
}

// isPort accepts an empty port, libpq's word for the default.
func isPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

func keepHosts(c *connection, name, value string) error {
	if strings.ContainsFunc(value, func(r rune) bool { return r == '=' || unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		return errHost
	}
	return keep(c, name, value)
}

func keepPorts(c *connection, name, value string) error {
	for port := range strings.SplitSeq(value, ",") {
		if !isPort(port) {
			return errPort
		}
	}
	return keep(c, name, value)
}

// checkPorts holds the ports to libpq's rule: none, one for all hosts, or one
// for each.
func (c connection) checkPorts() error {
	hosts := strings.Count(c.settings["host"], ",")
	ports := strings.Count(c.settings["port"], ",")
	if ports != 0 && ports != hosts {
		return errPortCount
	}
	return nil
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
