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

// Runner runs the application, one at a time. It is not safe for concurrent use.
type Runner struct {
	line     string   // its command line
	ready    *url.URL // where it answers when it is ready
	client   *http.Client
	watchdog *child.Watchdog // nil until the first start
	process  *child.Process  // nil where none runs
	log      string          // file with its output

	limit    time.Duration // for a start
	progress time.Duration // between two lines about it
}

// NewRunner checks a command line, the application's URL and the path that answers when it is ready. Nothing runs
// yet; variable gives those of the environment. The error is a *pool.ConfigError.
func NewRunner(line, baseURL, ready string, variable func(name string) string) (*Runner, error) {
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
	return &Runner{line: line, ready: address, client: client, limit: startLimit, progress: 5 * time.Second}, nil
}

// Command is the command line as it may be shown.
func (r *Runner) Command() string { return text.Quote(r.line) }

// url is where the application answers when it is ready, as it may be shown.
func (r *Runner) url() string { return text.Value(r.ready.String()) }

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
func (r *Runner) Start(ctx context.Context, s Start) error {
	if err := r.free(ctx); err != nil {
		return err
	}
	if err := r.launch(s); err != nil {
		return r.refused(err.Error())
	}
	if err := r.await(ctx, s); err != nil {
		r.Stop()
		return err
	}
	return nil
}

// launch starts its process.
func (r *Runner) launch(s Start) (err error) {
	all := environment(s.Environment)
	arguments, err := words(r.line, func(name string) string { return all[name] })
	if err != nil {
		return err
	}
	if r.watchdog == nil {
		r.watchdog, err = child.Watch(child.Duty{
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
	r.log = s.Log
	cmd := exec.Command(arguments[0], arguments[1:]...) // #nosec G204 -- the user's own command
	cmd.Env = list(all)
	cmd.Stdout, cmd.Stderr = output, output
	r.process, err = r.watchdog.Start(cmd)
	return err
}

// Ended is closed when the application has ended. It must run.
func (r *Runner) Ended() <-chan struct{} { return r.process.Exited() }

// EndedError says of an application that has ended how, and what it printed last. when is a time, such as "during step
// 3".
func (r *Runner) EndedError(when string) error {
	<-r.process.Exited()
	how := "exit status 0"
	if err := r.process.Err(); err != nil {
		how = err.Error()
	}
	return r.failed("it ended " + when + " (" + how + ")")
}

// Stop ends the application and all of its process group. It tells whether force was necessary.
func (r *Runner) Stop() (forced bool) {
	if r.process == nil {
		return false
	}
	forced = r.process.StopGroup()
	r.process = nil
	return forced
}

// Close stops the application and the watchdog.
func (r *Runner) Close() error {
	r.Stop()
	if r.watchdog == nil {
		return nil
	}
	watchdog := r.watchdog
	r.watchdog = nil
	return watchdog.Dismiss()
}

// free makes sure that nobody else answers in the application's place.
func (r *Runner) free(ctx context.Context) error {
	const limit = 5 * time.Second // for the sockets of the application before
	for end := time.Now().Add(limit); ; {
		answer := r.listens(ctx)
		switch {
		case answer == "":
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case time.Now().After(end) || r.watchdog == nil:
			return r.refused(fmt.Sprintf(
				"%s answers already (%s), before the application is started: another process has the port; stop it, or give both another port",
				addressOf(r.ready), answer))
		}
		time.Sleep(poll)
	}
}

// listens says what answers at the application's address, "" where nobody does. A proxy may say that there is no
// application behind it.
func (r *Runner) listens(ctx context.Context) string {
	dialer := net.Dialer{Timeout: askLimit}
	conn, err := dialer.DialContext(ctx, "tcp", addressOf(r.ready))
	if err != nil {
		return ""
	}
	_ = conn.Close() // nothing was said
	answer, status := r.ask(ctx)
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return ""
	}
	return answer
}

// await waits until the application is ready.
func (r *Runner) await(ctx context.Context, s Start) error {
	began := time.Now()
	reported := began
	for {
		answer, status := r.ask(ctx)
		took := time.Since(began)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !r.process.Running():
			return r.EndedError("before it was ready")
		case status >= http.StatusOK && status < http.StatusBadRequest:
			if !s.Several {
				return nil
			}
			// Processes that start beside the first one get as much time as that took.
			return r.pause(ctx, min(took, stopLimit), "when its first process was ready")
		case took >= r.limit:
			return r.failed(fmt.Sprintf("it was not ready after %v: %s (APP_READY) gave %s", r.limit, r.url(), answer))
		}
		if time.Since(reported) >= r.progress {
			reported = time.Now()
			s.Notify(fmt.Sprintf("application: waiting for %s, %s so far: %s", r.url(), text.Length(took.Truncate(time.Second)), answer))
		}
		if err := r.pause(ctx, poll, "before it was ready"); err != nil {
			return err
		}
	}
}

// pause fails when the application ends meanwhile.
func (r *Runner) pause(ctx context.Context, d time.Duration, when string) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.process.Exited():
		return r.EndedError(when)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ask gives the answer of APP_READY in words, and its status, 0 where there is none.
func (r *Runner) ask(ctx context.Context) (answer string, status int) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.ready.String(), nil)
	if err != nil {
		return err.Error(), 0
	}
	response, err := r.client.Do(request)
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
func (r *Runner) refused(why string) error {
	return errors.New(text.Line(fmt.Sprintf("APP_COMMAND %s: %s", r.Command(), why)))
}

// failed says why the application does not run, with what it printed last.
func (r *Runner) failed(why string) error {
	printed := "it printed nothing"
	if last := child.Tail(r.log); last != "" {
		printed = fmt.Sprintf("its last lines, of %s: %s", r.log, last)
	}
	return r.refused(why + "; " + printed)
}
