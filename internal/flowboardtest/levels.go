package flowboardtest

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
)

// Levels are the pool's levels as GET /health/pool gives them: SQLAlchemy's own.
type Levels struct {
	Size       int `json:"size"`
	CheckedIn  int `json:"checkedin"`
	CheckedOut int `json:"checkedout"`
	// Overflow is the number of open connections less Size, negative while the pool has not grown to it.
	Overflow int `json:"overflow"`
}

// client keeps no connection: an idle one would look like a leaked goroutine.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// Levels asks the application for its pool's levels.
func (a *App) Levels(t testing.TB) Levels {
	t.Helper()
	status, body := a.Get(t, "/health/pool")
	var levels Levels
	if err := json.Unmarshal(body, &levels); err != nil || status != http.StatusOK {
		t.Fatalf("GET /health/pool answers %d %s: %v", status, body, err)
	}
	return levels
}

// Get asks for a path, query included, and returns the answer's status and body. It may be called from several goroutines
// of the test: a request that fails altogether marks the test as failed and gives status 0.
func (a *App) Get(t testing.TB, path string) (status int, body []byte) {
	t.Helper()
	response, err := client.Get(a.BaseURL + path)
	if err != nil {
		t.Errorf("GET %s: %v", path, err)
		return 0, nil
	}
	defer func() { _ = response.Body.Close() }()
	body, err = io.ReadAll(response.Body)
	if err != nil {
		t.Errorf("GET %s: %v", path, err)
		return 0, nil
	}
	return response.StatusCode, body
}
