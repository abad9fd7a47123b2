package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// healthLimit is far above what a health report needs, in bytes.
const healthLimit = 64 << 10

// Application is what an application says about its own pool, in SQLAlchemy's
// words. It is the JSON object that GET /health/pool answers with status 200;
// further fields are ignored:
//
//	{"size": 20, "checkedin": 3, "checkedout": 17, "overflow": 0}
//
// A FastAPI application answers it in a few lines:
//
//	@app.get("/health/pool")
//	async def health_pool():
//	    pool = engine.pool
//	    return {"size": pool.size(), "checkedin": pool.checkedin(),
//	            "checkedout": pool.checkedout(), "overflow": pool.overflow()}
//
// An application of several worker processes has as many pools, and one of
// them answers.
type Application struct {
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

// Health asks an application for the state of its pool. Make one with
// NewHealth.
type Health struct {
	url    string
	client *http.Client
}

// NewHealth asks at an http or https URL, such as
// http://127.0.0.1:8000/health/pool, and waits for an answer no longer than
// timeout: an application that hangs must not hold up the look at its
// database. Nothing is asked yet.
func NewHealth(address string, timeout time.Duration) (*Health, error) {
	u, err := url.Parse(address)
	if err != nil {
		// The parser's own error repeats the address, with its password.
		return nil, errors.New("the application's URL cannot be read: use http://HOST:PORT/health/pool")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		shown := "hidden, as it may hold a password"
		if !strings.Contains(address, "@") {
			shown = strconv.Quote(address)
		}
		return nil, fmt.Errorf("the application's URL (%s) has no http:// or https:// and host: use http://HOST:PORT/health/pool", shown)
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, MaxResponseHeaderBytes: healthLimit}
	return &Health{url: address, client: &http.Client{Timeout: timeout, Transport: transport}}, nil
}

// Close closes the connection to the application.
func (h *Health) Close() { h.client.CloseIdleConnections() }

// Read asks once.
func (h *Health) Read(ctx context.Context) (Application, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, nil)
	if err != nil {
		return Application{}, fmt.Errorf("asking the application: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	response, err := h.client.Do(request)
	if err != nil {
		return Application{}, fmt.Errorf("asking the application: %w", err) // net/http redacts the URL
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(response.Body, healthLimit))
	if err != nil {
		return Application{}, fmt.Errorf("reading the application's answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return Application{}, fmt.Errorf("the application answers %s to GET %s: it must be 200",
			response.Status, request.URL.Redacted())
	}
	return parseApplication(body)
}

// parseApplication refuses a report that lacks a field: a missing figure must
// not read as 0.
func parseApplication(body []byte) (Application, error) {
	var report struct {
		Size       *int `json:"size"`
		CheckedIn  *int `json:"checkedin"`
		CheckedOut *int `json:"checkedout"`
		Overflow   *int `json:"overflow"`
		Waiting    *int `json:"waiting"`
	}
	if err := json.Unmarshal(body, &report); err != nil {
		return Application{}, fmt.Errorf("the application's answer is not the JSON of /health/pool: %w", err)
	}
	for _, field := range []struct {
		name  string
		value *int
		least int
	}{
		{"size", report.Size, 0},
		{"checkedin", report.CheckedIn, 0},
		{"checkedout", report.CheckedOut, 0},
	} {
		if field.value == nil || *field.value < field.least {
			return Application{}, fieldError(field.name, field.value, field.least)
		}
	}
	if report.Overflow == nil || *report.Overflow < -*report.Size {
		return Application{}, fieldError("overflow", report.Overflow, -*report.Size)
	}
	if report.Waiting != nil && *report.Waiting < 0 {
		return Application{}, fieldError("waiting", report.Waiting, 0)
	}
	return Application{
		Size: *report.Size, CheckedIn: *report.CheckedIn, CheckedOut: *report.CheckedOut,
		Overflow: *report.Overflow, Waiting: report.Waiting,
	}, nil
}

func fieldError(name string, value *int, least int) error {
	if value == nil {
		return fmt.Errorf(`the application's answer has no %q: needed are size, checkedin, checkedout and overflow`, name)
	}
	return fmt.Errorf("the application's answer has %s %d: it must be at least %d", name, *value, least)
}
