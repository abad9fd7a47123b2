// Package application runs the user's own application for an experiment: from its command line, anew for every step
// and with the step's settings in its environment.
package application

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/shell"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// The variables that a command is given in.
const (
	variableCommand = "APP_COMMAND"
	variableURL     = "BASE_URL"
	variableReady   = "APP_READY"
)

const (
	acceptedCommand = `a command line without pipes and redirections, such as "uvicorn app:app --port 8000"; sh -c '…' runs one with them`
	acceptedURL     = "http://HOST:PORT or https://HOST:PORT, where the application of APP_COMMAND answers"
	acceptedReady   = "a path of the application that answers when it is ready, such as /health"
)

// readyURL is where the application answers when it is ready: a path below its own URL.
func readyURL(baseURL, ready string) (*url.URL, error) {
	base, err := url.Parse(baseURL)
	switch {
	case baseURL == "":
		return nil, &pool.ConfigError{Source: variableCommand, Reason: "BASE_URL is not set",
			Accepted: variableURL + "=" + acceptedURL}
	case err != nil || base.Hostname() == "" || base.Scheme != "http" && base.Scheme != "https":
		return nil, &pool.ConfigError{Source: variableURL, Accepted: acceptedURL} // its value may hold a password
	}
	path, err := url.Parse(ready)
	if err != nil || path.IsAbs() || path.Host != "" || strings.ContainsAny(ready, " \t") {
		return nil, &pool.ConfigError{Source: variableReady, Value: text.Quote(ready), Accepted: acceptedReady}
	}
	address := base.JoinPath(path.Path)
	address.RawQuery = path.RawQuery
	return address, nil
}

// words splits a command line as a shell does, with variables in the place of $NAME.
func words(line string, variable func(name string) string) ([]string, error) {
	refused := &pool.ConfigError{Source: variableCommand, Value: text.Quote(line), Accepted: acceptedCommand}
	found, err := shell.Fields(line, variable)
	switch {
	case strings.TrimSpace(line) == "":
		refused.Value, refused.Reason = "", "it is empty"
	case err != nil:
		refused.Reason = text.Line(err.Error())
	case len(found) == 0 || found[0] == "":
		refused.Reason = "it names no program"
	case strings.Contains(found[0], "=") && !strings.Contains(found[0], "/"):
		refused.Reason = fmt.Sprintf("%s is no program; env %s … sets a variable", text.Quote(found[0]), text.Value(found[0]))
	default:
		return found, nil
	}
	return nil, refused
}

// environment is what the application gets: this process's variables without k6's own, and others over them.
func environment(over map[string]string) map[string]string {
	all := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		all[name] = value
	}
	maps.Copy(all, over)
	maps.DeleteFunc(all, func(name, _ string) bool { return strings.HasPrefix(name, "K6_") })
	return all
}

// list is an environment as a process takes it.
func list(environment map[string]string) []string {
	var entries []string
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		entries = append(entries, name+"="+environment[name])
	}
	return entries
}

// addressOf is the host and port of a URL.
func addressOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// reason is what an error says without the address that has been said.
func reason(err error) string {
	if of, ok := errors.AsType[*url.Error](err); ok {
		err = of.Err
	}
	if of, ok := errors.AsType[*net.OpError](err); ok {
		err = of.Err
	}
	if of, ok := errors.AsType[*os.SyscallError](err); ok {
		err = of.Err
	}
	return err.Error()
}
