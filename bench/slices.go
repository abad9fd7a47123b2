package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// slice is how long one of two processes runs before it is the other's turn. A
// neighbor on the machine takes longer than that to come and go, so what it
// costs, it costs both.
const slice = 50 * time.Millisecond

// outcome is what one process did: its queries and its CPU in seconds.
type outcome struct {
	queries, cpu float64
}

// alternate runs two processes in turns of one slice each: while one runs, the
// other is stopped (SIGSTOP). Both get half of the time until both have ended,
// also where one ends earlier.
func alternate(ctx context.Context, a, b command) (ra, rb outcome, err error) {
	var pair [2]*turned
	defer func() {
		for _, p := range pair {
			p.kill()
		}
	}()
	for i, c := range []command{a, b} {
		if pair[i], err = start(c); err != nil {
			return outcome{}, outcome{}, err
		}
	}
	tick := time.NewTicker(slice)
	defer tick.Stop()
	for turn := 0; !pair[0].over() || !pair[1].over(); turn = 1 - turn {
		pair[1-turn].signal(syscall.SIGSTOP)
		pair[turn].signal(syscall.SIGCONT)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return outcome{}, outcome{}, ctx.Err()
		}
	}
	ra, errA := pair[0].result()
	rb, errB := pair[1].result()
	return ra, rb, errors.Join(errA, errB)
}

// command is a process to run and how to read the number of its queries.
type command struct {
	name    string
	cmd     *exec.Cmd
	queries func(output []byte) (float64, error)
}

// turned is a process that is stopped and continued.
type turned struct {
	command
	stdout, stderr bytes.Buffer
	ended          chan struct{}
	err            error // read it after ended is closed
}

func start(c command) (*turned, error) {
	t := &turned{command: c, ended: make(chan struct{})}
	t.cmd.Stdout, t.cmd.Stderr = &t.stdout, &t.stderr
	if err := t.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.name, err)
	}
	go func() {
		defer close(t.ended)
		t.err = t.cmd.Wait()
	}()
	return t, nil
}

func (t *turned) over() bool {
	select {
	case <-t.ended:
		return true
	default:
		return false
	}
}

// signal reaches nobody else: a process that has ended keeps its id until Wait
// returns, and os.Process refuses to signal afterwards.
func (t *turned) signal(s syscall.Signal) {
	_ = t.cmd.Process.Signal(s) // an error means that it has ended
}

func (t *turned) kill() {
	if t != nil && !t.over() {
		t.signal(syscall.SIGKILL)
		<-t.ended
	}
}

func (t *turned) result() (outcome, error) {
	if t.err != nil {
		return outcome{}, fmt.Errorf("%s: %w: %s%s", t.name, t.err, t.stdout.String(), t.stderr.String())
	}
	queries, err := t.queries(t.stdout.Bytes())
	if err != nil {
		return outcome{}, fmt.Errorf("%s: %w", t.name, err)
	}
	p := t.cmd.ProcessState
	return outcome{queries: queries, cpu: (p.UserTime() + p.SystemTime()).Seconds()}, nil
}

// alone runs one process without interruption.
func alone(c command) (outcome, error) {
	t, err := start(c)
	if err != nil {
		return outcome{}, err
	}
	<-t.ended
	return t.result()
}
