package monitor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// healthLimit is far above what a health report needs, in bytes.
const healthLimit = 64 << 10

// Worker is what one process of the application says about its pool, in
// SQLAlchemy's words. It is the JSON object that GET /health/pool answers with
// status 200; further fields are ignored:
//
//	{"size": 20, "checkedin": 3, "checkedout": 17, "overflow": 0, "pid": 4711}
//
// A FastAPI application answers it in a few lines:
//
//	@app.get("/health/pool")
//	async def health_pool():
//	    pool = engine.pool
//	    return {"size": pool.size(), "checkedin": pool.checkedin(), "checkedout": pool.checkedout(),
//	            "overflow": pool.overflow(), "pid": os.getpid()}
//
// An application of several worker processes has as many pools, and one of
// them answers: pid tells which. Without it they cannot be kept apart.
type Worker struct {
	// PID is the process's, 0 where it does not say.
	PID int `json:"pid,omitempty"`
	// Size is the base size (pool_size), at least 0.
	Size int `json:"size"`
	// CheckedIn counts idle, CheckedOut used connections, both at least 0.
	CheckedIn  int `json:"checkedin"`
	CheckedOut int `json:"checkedout"`
	// Overflow is SQLAlchemy's overflow(): the connections open beyond Size. It
	// is negative, from -Size on, while fewer than Size have been opened.
	Overflow int `json:"overflow"`
	// Waiting is how many wait for a connection. SQLAlchemy does not count
	// them; an application that does may add the field. nil if it does not.
	Waiting *int `json:"waiting,omitempty"`
}

// Application is what an application says about its own pools: the sums over
// the workers that answered.
type Application struct {
	Size       int  `json:"size"`
	CheckedIn  int  `json:"checkedin"`
	CheckedOut int  `json:"checkedout"`
	Overflow   int  `json:"overflow"`
	Waiting    *int `json:"waiting,omitempty"`
	// Workers are the answers by process, where there are several.
	Workers []Worker `json:"workers,omitempty"`
	// Fullest is the worker with the most connections checked out.
	Fullest Worker `json:"fullest"`
	// Complete tells that every worker is among them, as far as is known.
	Complete bool `json:"complete"`
	// Took is how long the quickest answer took, in milliseconds: an
	// application that is busy with itself answers late.
	Took float64 `json:"took_ms"`
}

// health asks an application for the state of its pools. Make one with
// newHealth. It is not safe for concurrent use.
type health struct {
	addresses []string
	client    *http.Client
	known     map[worker]seenWorker
}

// worker identifies a process; of those that give no pid one is known an address.
type worker struct {
	address string
	pid     int
}

type seenWorker struct {
	answer Worker
	at     time.Time
}

// newHealth asks at URLs that checkAddress accepts and waits for an answer no
// longer than timeout: an application that hangs must not hold up the look at its
// database. Nothing is asked yet.
func newHealth(addresses []string, timeout time.Duration) *health {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxResponseHeaderBytes: healthLimit,
		DisableKeepAlives: true, // a connection stays with one worker
	}
	return &health{
		addresses: addresses, client: &http.Client{Timeout: timeout, Transport: transport},
		known: map[worker]seenWorker{},
	}
}

// checkAddress accepts http and https URLs, such as
// http://127.0.0.1:8000/health/pool.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		// The parser's own error repeats the address, with its password.
		return errors.New("it cannot be read as a URL")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		shown := "it"
		if !strings.Contains(address, "@") { // no password
			shown = strconv.Quote(address)
		}
		return fmt.Errorf("%s has no http:// or https:// and host", shown)
	}
	return nil
}

const (
	// mostAsked is how often an address is asked at most for one sample.
	mostAsked = 24
	// forgotten is how long after its last answer a worker counts as gone.
	forgotten = 20 * time.Second
)

// read asks every address so often that each of so many workers (0 where it is
// not known) has most likely answered. Where no worker answered it gives nil and
// the last error.
func (h *health) read(ctx context.Context, workers int) (*Application, error) {
	var wait sync.WaitGroup
	var mu sync.Mutex // guards what follows
	var quickest time.Duration
	var failure error
	fresh := map[worker]seenWorker{}
	ask := func(address string) {
		began := time.Now()
		w, err := h.ask(ctx, address)
		took := time.Since(began)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failure = err
			return
		}
		key := worker{address, w.PID}
		if before, ok := fresh[key]; !ok || w.CheckedOut > before.answer.CheckedOut {
			fresh[key] = seenWorker{w, time.Now()}
		}
		if quickest == 0 || took < quickest {
			quickest = took
		}
	}
	times := h.timesToAsk(workers)
	for _, address := range h.addresses {
		for range times {
			wait.Go(func() { ask(address) })
		}
	}
	wait.Wait()
	if len(fresh) == 0 {
		return nil, failure
	}
	maps.Copy(h.known, fresh)
	application := sum(fresh)
	application.Complete = len(fresh) >= max(1, workers, h.found())
	application.Took = float64(quickest) / float64(time.Millisecond)
	return &application, nil
}

// timesToAsk is three times for each worker that an address may have: who accepts a
// connection is chance. Of an application that gives no pid, and has one worker
// as far as is known, one answer is enough.
func (h *health) timesToAsk(workers int) int {
	found := h.found()
	if workers <= 1 && found == 0 && len(h.known) > 0 {
		return 1
	}
	each := (max(workers, found+1) + len(h.addresses) - 1) / len(h.addresses)
	return min(mostAsked, 3*each)
}

// found is how many processes have given their pid and answered lately.
func (h *health) found() (n int) {
	for key, seen := range h.known {
		if time.Since(seen.at) > forgotten {
			delete(h.known, key)
		} else if key.pid != 0 {
			n++
		}
	}
	return n
}

func sum(answers map[worker]seenWorker) Application {
	var a Application
	for _, seen := range answers {
		w := seen.answer
		a.Size, a.Overflow = a.Size+w.Size, a.Overflow+w.Overflow
		a.CheckedIn, a.CheckedOut = a.CheckedIn+w.CheckedIn, a.CheckedOut+w.CheckedOut
		if w.Waiting != nil {
			waiting := *w.Waiting
			if a.Waiting != nil {
				waiting += *a.Waiting
			}
			a.Waiting = &waiting
		}
		if len(a.Workers) == 0 || w.CheckedOut > a.Fullest.CheckedOut {
			a.Fullest = w
		}
		a.Workers = append(a.Workers, w)
	}
	slices.SortFunc(a.Workers, func(x, y Worker) int { return cmp.Compare(x.PID, y.PID) })
	return a
}

func (h *health) ask(ctx context.Context, address string) (Worker, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Worker{}, fmt.Errorf("asking the application: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	response, err := h.client.Do(request)
	if err != nil {
		return Worker{}, fmt.Errorf("asking the application: %w", err) // net/http redacts the URL
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(response.Body, healthLimit))
	if err != nil {
		return Worker{}, fmt.Errorf("reading the application's answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return Worker{}, fmt.Errorf("the application answers %s to GET %s: it must be 200",
			response.Status, request.URL.Redacted())
	}
	return parseWorker(body)
}

// parseWorker refuses a report that lacks a field: a missing number must not
// read as 0.
func parseWorker(body []byte) (Worker, error) {
	const missing = math.MinInt
	w := Worker{PID: missing, Size: missing, CheckedIn: missing, CheckedOut: missing, Overflow: missing}
	if err := json.Unmarshal(body, &w); err != nil {
		return Worker{}, fmt.Errorf("the application's answer is not the JSON of /health/pool: %w", text.Undecoded(body, err))
	}
	waiting, pid := 0, w.PID
	if w.Waiting != nil {
		waiting = *w.Waiting
	}
	if pid == missing {
		pid, w.PID = 1, 0
	}
	for _, field := range []struct {
		name         string
		value, least int
	}{
		{"size", w.Size, 0}, {"checkedin", w.CheckedIn, 0}, {"checkedout", w.CheckedOut, 0}, {"overflow", w.Overflow, -w.Size},
		{"waiting", waiting, 0}, {"pid", pid, 1},
	} {
		switch {
		case field.value == missing:
			return Worker{}, fmt.Errorf(`the application's answer has no %q: it needs size, checkedin, checkedout and overflow`, field.name)
		case field.value < field.least:
			return Worker{}, fmt.Errorf("the application's answer has %s %d: it must be at least %d", field.name, field.value, field.least)
		}
	}
	return w, nil
}
