package application

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/child"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

const (
	startLimit = time.Minute
	stopLimit  = 10 * time.Second // then it is killed
	askLimit   = 2 * time.Second  // for one answer
	poll       = 100 * time.Millisecond
)

// Launcher runs the application, one at a time. It is not safe for concurrent use.
type Launcher struct {
	line     string   // its command line
	ready    *url.URL // where it answers when it is ready
	client   *http.Client
	watchdog *child.Watchdog // nil until the first start
	process  *child.Process  // nil where none runs
	log      string          // file with its output

	limit    time.Duration // for a start
	progress time.Duration // between two lines about it
}

// NewLauncher checks a command line, the application's URL and the path that answers when it is ready. Nothing runs
// yet; variable gives those of the environment. The error is a *pool.ConfigError.
func NewLauncher(line, baseURL, ready string, variable func(name string) string) (*Launcher, error) {
	if _, err := words(line, variable); err != nil {
		return nil, err
	}
	address, err := readyURL(baseURL, ready)
	if err != nil {
		return nil, err
	}
	client := &http.Client{
		Timeout: askLimit,
		// No connection stays open: an application may take it for a user's.
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
	}
	return &Launcher{line: line, ready: address, client: client, limit: startLimit, progress: 5 * time.Second}, nil
}

// Command is the command line as it may be shown.
func (l *Launcher) Command() string { return text.Quote(l.line) }

// url is where the application answers when it is ready, as it may be shown.
func (l *Launcher) url() string { return text.Value(l.ready.String()) }

// Start is one start of the application.
type Start struct {
	// Environment is laid over this process's.
	Environment map[string]string
	// Log takes the application's output. It is a new file.
	Log string
	// Several says that the application has several processes, of which one may answer before the others do.
	Several bool
	// Notify is called with a line now and then.
	Notify func(line string)
}

// Start runs the application and returns when it is ready. After an error nothing of it runs.
func (l *Launcher) Start(ctx context.Context, s Start) error {
	if err := l.free(ctx); err != nil {
		return err
	}
	if err := l.launch(s); err != nil {
		return l.refused(err.Error())
	}
	if err := l.await(ctx, s); err != nil {
		l.Stop()
		return err
	}
	return nil
}

// launch starts its process.
func (l *Launcher) launch(s Start) (err error) {
	all := environment(s.Environment)
	arguments, err := words(l.line, func(name string) string { return all[name] })
	if err != nil {
		return err
	}
	if l.watchdog == nil {
		l.watchdog, err = child.Watch(child.Duty{
			Name: "xk6-pgxpool-watchdog", Signal: "TERM", Group: true, Patience: stopLimit, Environment: []string{"PATH=" + all["PATH"]},
		})
		if err != nil {
			return err
		}
	}
	output, err := os.OpenFile(s.Log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = output.Close() }() // the application has its own
	l.log = s.Log
	cmd := exec.Command(arguments[0], arguments[1:]...) // #nosec G204 -- the user's own command
	cmd.Env = list(all)
	cmd.Stdout, cmd.Stderr = output, output
	l.process, err = l.watchdog.Start(cmd)
	return err
}

// Ended is closed when the application has ended. It must run.
func (l *Launcher) Ended() <-chan struct{} { return l.process.Exited() }

// EndedError says of an application that has ended how, and what it printed last. when is a time, such as "during step
// 3".
func (l *Launcher) EndedError(when string) error {
	<-l.process.Exited()
	how := "exit status 0"
	if err := l.process.Err(); err != nil {
		how = err.Error()
	}
	return l.failed("it ended " + when + " (" + how + ")")
}

// Stop ends the application and all of its process group. It tells whether force was necessary.
func (l *Launcher) Stop() (forced bool) {
	if l.process == nil {
		return false
	}
	forced = l.process.StopGroup()
	l.process = nil
	return forced
}

// Close stops the application and the watchdog.
func (l *Launcher) Close() error {
	l.Stop()
	if l.watchdog == nil {
		return nil
	}
	watchdog := l.watchdog
	l.watchdog = nil
	return watchdog.Dismiss()
}

// free makes sure that nobody else answers in the application's place.
func (l *Launcher) free(ctx context.Context) error {
	const limit = 5 * time.Second // for the sockets of the application before
	for end := time.Now().Add(limit); ; {
		answer := l.listens(ctx)
		switch {
		case answer == "":
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case time.Now().After(end) || l.watchdog == nil:
			return l.refused(fmt.Sprintf(
				"%s answers already (%s), before the application is started: another process has the port; stop it, or give both another port",
				addressOf(l.ready), answer))
		}
		time.Sleep(poll)
	}
}

// listens says what answers at the application's address, "" where nobody does. A proxy may say that there is no
// application behind it.
func (l *Launcher) listens(ctx context.Context) string {
	dialer := net.Dialer{Timeout: askLimit}
	conn, err := dialer.DialContext(ctx, "tcp", addressOf(l.ready))
	if err != nil {
		return ""
	}
	_ = conn.Close() // nothing was said
	answer, status := l.ask(ctx)
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return ""
	}
	return answer
}

// await waits until the application is ready.
func (l *Launcher) await(ctx context.Context, s Start) error {
	began := time.Now()
	reported := began
	for {
		answer, status := l.ask(ctx)
		took := time.Since(began)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !l.process.Running():
			return l.EndedError("before it was ready")
		case status >= http.StatusOK && status < http.StatusBadRequest:
			if !s.Several {
				return nil
			}
			// Processes that start beside the first one get as much time as that took.
			return l.pause(ctx, min(took, stopLimit), "when its first process was ready")
		case took >= l.limit:
			return l.failed(fmt.Sprintf("it was not ready after %v: %s (APP_READY) gave %s", l.limit, l.url(), answer))
		}
		if time.Since(reported) >= l.progress {
			reported = time.Now()
			s.Notify(fmt.Sprintf("application: waiting for %s, %s so far: %s", l.url(), text.Length(took.Truncate(time.Second)), answer))
		}
		if err := l.pause(ctx, poll, "before it was ready"); err != nil {
			return err
		}
	}
}

// pause fails when the application ends meanwhile.
func (l *Launcher) pause(ctx context.Context, d time.Duration, when string) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-l.process.Exited():
		return l.EndedError(when)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ask gives the answer of APP_READY in words, and its status, 0 where there is none.
func (l *Launcher) ask(ctx context.Context) (answer string, status int) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.ready.String(), nil)
	if err != nil {
		return err.Error(), 0
	}
	response, err := l.client.Do(request)
	switch {
	case os.IsTimeout(err):
		return fmt.Sprintf("no answer within %v", askLimit), 0
	case err != nil:
		return text.Line(reason(err)), 0
	}
	_ = response.Body.Close() // the status says it all
	return "HTTP " + response.Status, response.StatusCode
}

// refused says why the application was not started.
func (l *Launcher) refused(why string) error {
	return errors.New(text.Line(fmt.Sprintf("APP_COMMAND %s: %s", l.Command(), why)))
}

// failed says why the application does not run, with what it printed last.
func (l *Launcher) failed(why string) error {
	printed := "it printed nothing"
	if last := child.Tail(l.log); last != "" {
		printed = fmt.Sprintf("its last lines, of %s: %s", l.log, last)
	}
	return l.refused(why + "; " + printed)
}
