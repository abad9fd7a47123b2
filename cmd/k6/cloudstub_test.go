//go:build unix

package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/stretchr/testify/require"
	_ "go.k6.io/k6/v2/output/cloud/expv2" // registers the message that k6 pushes
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// What the stub gives k6, and k6 has to come back with.
const (
	cloudToken    = "stub-token"
	cloudRunToken = "stub-run-token"
	cloudProject  = 4711
	cloudLoadTest = 456
	cloudRun      = 123
)

// cloudStub stands for the k6 Cloud, which nobody can run: it answers as much
// of its API as a local execution asks for, and keeps what k6 sends. It listens
// on the loopback only.
type cloudStub struct {
	t      testing.TB
	server *httptest.Server

	mu       sync.Mutex
	sent     [][]byte // every body, unpacked
	series   []cloudSeries
	archives [][]byte
	names    []string // of the load tests
	projects []int64
	finished int
	logs     []string // what k6 logged
	strays   []string // requests that nobody expected
}

// cloudSeries is one time series as the cloud gets it.
type cloudSeries struct {
	Metric, Type string
	Labels       map[string]string
	Sum          float64 // of a counter
	Count        int     // of a trend's, rate's or gauge's samples
}

func newCloudStub(t testing.TB) *cloudStub {
	t.Helper()
	s := &cloudStub{t: t}
	mux := http.NewServeMux()
	// `k6 cloud run --local-execution`
	mux.HandleFunc("POST /cloud/v6/projects/{project}/load_tests", s.createLoadTest)
	mux.HandleFunc(fmt.Sprintf("POST /provisioning/v1/load_tests/%d/start_local_execution", cloudLoadTest), s.startRun)
	mux.HandleFunc("PUT /upload/archive.tar", s.upload)
	mux.HandleFunc(fmt.Sprintf("GET /cloud/v6/test_runs/%d", cloudRun), s.testRun)
	mux.HandleFunc("POST /push/metrics", s.metrics)
	mux.HandleFunc("POST /push/logs", s.keepLogs)
	mux.HandleFunc(fmt.Sprintf("POST /provisioning/v1/test_runs/%d/notify", cloudRun), s.finish)
	// `k6 run -o cloud`
	mux.HandleFunc("POST /v1/tests", s.createTest)
	mux.HandleFunc(fmt.Sprintf("POST /v2/metrics/%d", cloudRun), s.metrics)
	mux.HandleFunc(fmt.Sprintf("POST /v1/tests/%d", cloudRun), s.finish)
	mux.HandleFunc("/", s.stray)
	s.server = httptest.NewUnstartedServer(mux) // handlers read it: it is there before they run
	s.server.Start()
	t.Cleanup(s.server.Close)
	return s
}

// environment makes k6 take the stub for the cloud. Traces go elsewhere, by
// gRPC, and stay off.
func (s *cloudStub) environment(more map[string]string) map[string]string {
	env := map[string]string{
		"K6_CLOUD_HOST": s.server.URL, "K6_CLOUD_HOST_V6": s.server.URL,
		"K6_CLOUD_TOKEN": cloudToken, "K6_CLOUD_STACK_ID": "1", "K6_CLOUD_PROJECT_ID": fmt.Sprint(cloudProject),
		"K6_CLOUD_TRACES_ENABLED": "false", "K6_NO_USAGE_REPORT": "true",
		"K6_CLOUD_AGGREGATION_PERIOD": "1s", "K6_CLOUD_AGGREGATION_WAIT_PERIOD": "1s",
	}
	for name, value := range more {
		env[name] = value
	}
	return env
}

// read keeps a request's body and checks who sends it.
func (s *cloudStub) read(r *http.Request, token string) []byte {
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.strays = append(s.strays, fmt.Sprintf("%s %s: %v", r.Method, r.URL.Path, err))
	}
	if got := r.Header.Get("Authorization"); token != "" && got != "Bearer "+token && got != "Token "+token {
		s.strays = append(s.strays, fmt.Sprintf("%s %s: Authorization %q", r.Method, r.URL.Path, got))
	}
	s.sent = append(s.sent, body)
	return body
}

func (s *cloudStub) createLoadTest(w http.ResponseWriter, r *http.Request) {
	body := s.read(r, cloudToken)
	s.mu.Lock()
	s.names = append(s.names, string(body))
	s.mu.Unlock()
	var project int64
	_, _ = fmt.Sscan(r.PathValue("project"), &project) // 0 is no project of the stub's
	s.mu.Lock()
	s.projects = append(s.projects, project)
	s.mu.Unlock()
	s.answer(w, http.StatusCreated, map[string]any{
		"id": cloudLoadTest, "project_id": project, "name": "", "baseline_test_run_id": nil,
		"created": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z",
	})
}

func (s *cloudStub) startRun(w http.ResponseWriter, r *http.Request) {
	s.read(r, cloudToken)
	s.answer(w, http.StatusOK, map[string]any{
		"test_run_id": cloudRun, "archive_upload_url": s.server.URL + "/upload/archive.tar",
		"test_run_details_page_url": s.server.URL + "/runs/123",
		"runtime_config": map[string]any{
			"test_run_token": cloudRunToken,
			"metrics": map[string]any{
				"push_url": s.server.URL + "/push/metrics", "push_interval": "1s", "push_concurrency": 1,
				"aggregation_period": "1s", "aggregation_wait_period": "1s",
				"aggregation_min_samples": nil, "max_samples_per_package": nil,
			},
			"logs": map[string]any{
				"push_url": s.server.URL + "/push/logs", "tail_url": "", "limit": 100, "push_period_seconds": "1s",
				"level": "info", "message_max_size": 1000, "allowed_labels": []string{"level"},
			},
			"traces":  map[string]any{"push_url": "", "traces_metadata": map[string]string{}, "proto": "http"},
			"files":   map[string]any{"push_url": "", "screenshots_base_path": "", "headers": map[string]string{}, "method": "POST"},
			"secrets": map[string]any{"endpoint": s.server.URL + "/secret?name={key}", "response_path": "plaintext"},
		},
	})
}

func (s *cloudStub) upload(_ http.ResponseWriter, r *http.Request) {
	body := s.read(r, "") // the address itself is the permission
	s.mu.Lock()
	defer s.mu.Unlock()
	s.archives = append(s.archives, body)
}

func (s *cloudStub) testRun(w http.ResponseWriter, r *http.Request) {
	s.read(r, cloudToken)
	s.answer(w, http.StatusOK, map[string]any{
		"id": cloudRun, "test_id": cloudLoadTest, "project_id": cloudProject, "started_by": nil,
		"created": "2026-01-01T00:00:00Z", "ended": nil, "note": "", "retention_expiry": nil, "cost": nil,
		"status": "initializing", "status_details": map[string]any{"type": "initializing", "entered": "2026-01-01T00:00:00Z"},
		"status_history": []any{}, "distribution": []any{}, "result": nil, "result_details": nil, "options": map[string]any{},
		"k6_dependencies": map[string]string{}, "k6_versions": map[string]string{}, "max_vus": nil, "max_browser_vus": nil,
		"estimated_duration": nil, "execution_duration": 0, "is_starred": false,
	})
}

func (s *cloudStub) createTest(w http.ResponseWriter, r *http.Request) {
	body := s.read(r, cloudToken)
	s.mu.Lock()
	s.names = append(s.names, string(body))
	s.mu.Unlock()
	s.answer(w, http.StatusOK, map[string]any{"reference_id": fmt.Sprint(cloudRun)})
}

func (s *cloudStub) finish(_ http.ResponseWriter, r *http.Request) {
	s.read(r, "") // with the run's token or the user's, as the way of running has it
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished++
}

func (s *cloudStub) keepLogs(_ http.ResponseWriter, r *http.Request) {
	body := s.read(r, cloudRunToken)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs = append(s.logs, string(body))
}

func (s *cloudStub) stray(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.strays = append(s.strays, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	http.NotFound(w, r)
}

func (*cloudStub) answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // k6 says so when it cannot read it
}

// metrics decodes what k6 pushes with k6's own description of it.
func (s *cloudStub) metrics(w http.ResponseWriter, r *http.Request) {
	packed := s.read(r, "")
	body, err := snappy.Decode(nil, packed)
	if err == nil {
		var found []cloudSeries
		if found, err = decodeSeries(body); err == nil {
			s.mu.Lock()
			s.series = append(s.series, found...)
			s.sent = append(s.sent, body)
			s.mu.Unlock()
			return
		}
	}
	http.Error(w, err.Error(), http.StatusBadRequest)
	s.mu.Lock()
	s.strays = append(s.strays, "undecodable metrics: "+err.Error())
	s.mu.Unlock()
}

func decodeSeries(body []byte) ([]cloudSeries, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("metrics.MetricSet"))
	if err != nil {
		return nil, err
	}
	message := kind.New().Interface()
	if err := (proto.UnmarshalOptions{}).Unmarshal(body, message); err != nil {
		return nil, err
	}
	text, err := protojson.Marshal(message)
	if err != nil {
		return nil, err
	}
	type count struct {
		Value             float64
		Count, TotalCount int
	}
	type samples struct{ Values []count }
	var set struct {
		Metrics []struct {
			Name, Type string
			TimeSeries []struct {
				Labels                                                     []struct{ Name, Value string }
				CounterSamples, GaugeSamples, RateSamples, TrendHdrSamples samples
			}
		}
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, err
	}
	var all []cloudSeries
	for _, m := range set.Metrics {
		for _, series := range m.TimeSeries {
			one := cloudSeries{Metric: m.Name, Type: strings.ToLower(strings.TrimPrefix(m.Type, "METRIC_TYPE_")), Labels: map[string]string{}}
			for _, label := range series.Labels {
				one.Labels[label.Name] = label.Value
			}
			for _, kind := range []samples{series.CounterSamples, series.GaugeSamples, series.RateSamples, series.TrendHdrSamples} {
				for _, value := range kind.Values {
					one.Sum += value.Value
					one.Count += value.Count + value.TotalCount
				}
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// byMetric adds up what arrived; every series is checked by each.
func (s *cloudStub) byMetric() map[string]cloudSeries {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Empty(s.t, s.strays)
	total := make(map[string]cloudSeries)
	for _, one := range s.series {
		sum := total[one.Metric]
		sum.Metric, sum.Type = one.Metric, one.Type
		sum.Sum, sum.Count = sum.Sum+one.Sum, sum.Count+one.Count
		total[one.Metric] = sum
	}
	return total
}
