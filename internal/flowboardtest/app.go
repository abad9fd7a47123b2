// Package flowboardtest starts the FastAPI application of examples/fastapi for tests.
package flowboardtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const (
	// startLimit is generous: it covers Python's imports and the seeding on a busy machine.
	startLimit = 2 * time.Minute
	// stopLimit is what requests still running have to finish; uvicorn waits for them.
	stopLimit = 20 * time.Second
)

// App is the application, running with one worker.
type App struct {
	// BaseURL is where it listens, such as http://127.0.0.1:41234.
	BaseURL string

	stop   context.CancelFunc
	output *output
	exited chan struct{} // closed once exit is set
	exit   error
}

// Start runs the application until the test's end and returns when it accepts requests: the database is seeded then.
// Without the Python packages it does what RequirePackages says. What the application printed is logged if the test fails.
func Start(t testing.TB, cfg Config) *App {
	t.Helper()
	RequirePackages(t)
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	app, err := Launch(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log("flowboard printed:\n" + app.output.String())
		}
	})
	return app
}

// Launch is Start without a test: for an application that shall fail to start, and for several at once.
// The caller stops it. An error holds what the application printed.
func Launch(cfg Config) (*App, error) {
	source, err := sourceDir()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	app := &App{stop: stop, output: newOutput(), exited: make(chan struct{})}
	// Port 0 lets the system choose: a port found free beforehand may be taken by then.
	cmd := exec.CommandContext(ctx, Python(), "-m", "uvicorn", "--app-dir", source, // #nosec G204 -- the tester names the interpreter
		"--host", "127.0.0.1", "--port", "0", "--no-access-log", "app.main:app")
	cmd.Dir = cfg.Dir
	cmd.Env = cfg.environment()
	cmd.Stdout, cmd.Stderr = app.output, app.output
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopLimit
	if err := cmd.Start(); err != nil {
		stop()
		return nil, fmt.Errorf("flowboard: start %s: %w", Python(), err)
	}
	go func() {
		app.exit = cmd.Wait()
		close(app.exited)
	}()
	if err := app.awaitReady(); err != nil {
		return nil, errors.Join(err, app.Stop())
	}
	return app, nil
}

func (a *App) awaitReady() error {
	select {
	case a.BaseURL = <-a.output.ready:
		return nil
	case <-a.exited:
		return fmt.Errorf("flowboard: ended at its start:\n%s", a.output.String())
	case <-time.After(startLimit):
		return fmt.Errorf("flowboard: not ready after %s:\n%s", startLimit, a.output.String())
	}
}

// Stop ends the application with SIGTERM and waits for it. It is an error if the application has failed, or if requests
// keep it so long that it has to be killed.
func (a *App) Stop() error {
	a.stop()
	<-a.exited
	// Versions of uvicorn end on SIGTERM with status 0 or, newer ones, by the signal.
	exit, ended := errors.AsType[*exec.ExitError](a.exit)
	switch {
	case a.exit == nil, errors.Is(a.exit, context.Canceled):
		return nil
	case ended && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGTERM:
		return nil
	}
	return fmt.Errorf("flowboard: ended: %w", a.exit)
}

// sourceDir finds examples/fastapi from any folder of the module, which is where go test runs a package's tests.
func sourceDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("flowboard: find the application: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		source := filepath.Join(dir, "examples", "fastapi")
		if _, err := os.Stat(filepath.Join(source, "app", "main.py")); err == nil {
			return source, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("flowboard: no folder above the working directory holds examples/fastapi")
		}
	}
}
