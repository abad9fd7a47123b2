//go:build unix

package main_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// dashboard is .dashboard.json, the web dashboard's own format.
type dashboard struct {
	Title string
	Tabs  []struct {
		Title    string
		Sections []struct {
			Title  string
			Panels []dashboardPanel
		}
	}
}

type dashboardPanel struct {
	Title, Kind string
	Series      []struct{ Query, Legend string }
}

// legends are what the panel shows once each of its series has data.
func (p dashboardPanel) legends() (all []string) {
	for _, series := range p.Series {
		if series.Legend != "" {
			all = append(all, series.Legend)
			continue
		}
		for _, aggregate := range []string{"avg", "max", "p95", "p99"} {
			if strings.Contains(series.Query, aggregate) {
				all = append(all, aggregate)
			}
		}
	}
	return all
}

// overHTTP is the section that only a run with BASE_URL fills.
const overHTTP = "The application's pool"

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(k6test.Root(t), ".dashboard.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}

// The page that k6 serves during the run, and the report that it leaves, show
// the Pool tab in a real browser, every panel of it with data.
func TestDashboardHasAPoolTab(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config, err := os.ReadFile(filepath.Join(k6test.Root(t), ".dashboard.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".dashboard.json"), config, 0o600))
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	k6 := k6test.Command(t.Context(), t, k6test.Run{Plain: true,
		Dir:  dir,
		Args: []string{"run", "--duration", "5m", everything(t)},
		Env: map[string]string{
			"DATABASE_URL": pgtest.Database(t), "K6_NO_USAGE_REPORT": "true",
			"K6_WEB_DASHBOARD": "true", "K6_WEB_DASHBOARD_HOST": "127.0.0.1", "K6_WEB_DASHBOARD_PORT": port,
			"K6_WEB_DASHBOARD_PERIOD": "1s", "K6_WEB_DASHBOARD_EXPORT": "report.html",
		},
	})
	require.NoError(t, k6.Start())
	ended := false
	t.Cleanup(func() {
		if !ended {
			_ = k6.Process.Kill() // the test has failed
			_ = k6.Wait()
		}
	})

	pool := readDashboard(t).Tabs[0]
	require.Equal(t, "Pool", pool.Title)
	var wanted []string
	for _, section := range pool.Sections {
		for _, panel := range section.Panels {
			if section.Title != overHTTP {
				wanted = append(wanted, panel.shown())
			}
		}
	}
	require.Eventually(t, func() bool {
		response, err := http.Get("http://" + address)
		if err == nil {
			_ = response.Body.Close()
		}
		return err == nil
	}, time.Minute, 100*time.Millisecond, "k6 does not serve its dashboard")
	live := page(t, "http://"+address, wanted)
	require.Contains(t, live, "Pool\nRequests\nSummary\n", "the tabs")
	for _, panel := range wanted {
		require.Contains(t, live, panel)
	}

	require.NoError(t, k6.Process.Signal(syscall.SIGINT))
	_ = k6.Wait() // interrupted: an exit code of its own
	ended = true
	charts := slices.DeleteFunc(wanted, func(panel string) bool { return !strings.HasSuffix(panel, "--") })
	require.Len(t, charts, 10)
	report := page(t, "file://"+filepath.Join(dir, "report.html"), charts)
	for _, panel := range charts {
		require.Contains(t, report, panel)
	}
	require.NotContains(t, report, overHTTP, "sections without data stay away")
}

// shown is the text of the panel once each of its series has data. A chart
// shows its legends, each with a value for the mouse to fill in.
func (p dashboardPanel) shown() string {
	if p.Kind == "stat" {
		return p.Title + "\n"
	}
	return p.Title + "\n" + strings.Join(p.legends(), "--") + "--"
}

// reader is a script that tells what Chromium shows, once it shows all that is
// wanted. Each chart has the time as one more legend in the report.
const reader = `
import { browser } from 'k6/browser';
export const options = {
  scenarios: { ui: { executor: 'shared-iterations', iterations: 1, maxDuration: '100s', options: { browser: { type: 'chromium' } } } },
};
export default async function () {
  const page = await browser.newPage();
  await page.goto(__ENV.ADDRESS, { waitUntil: 'domcontentloaded' });
  let text = '';
  for (let tries = 0; tries < 120; tries++) {
    text = (await page.evaluate(() => document.body.innerText)).replace(/\n+/g, '\n').replace(/\ntime--/g, '\n');
    if (JSON.parse(__ENV.WANTED).every((panel) => text.includes(panel))) {
      break;
    }
    await page.waitForTimeout(500);
  }
  console.log(JSON.stringify({ text }));
  await page.close();
}
`

// page is the text that Chromium shows at an address, by k6's own browser
// module.
func page(t *testing.T, address string, wanted []string) string {
	t.Helper()
	binary, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is not installed: apt-get install chromium")
		}
		t.Skip("chromium is not installed: apt-get install chromium")
	}
	list, err := json.Marshal(wanted)
	require.NoError(t, err)
	r := k6test.Browse(t, k6test.Run{Plain: true,
		Args: []string{"run", "--quiet", "--log-format", "raw", k6test.Script(t, reader)},
		Env: map[string]string{
			"ADDRESS": address, "WANTED": string(list), "K6_NO_USAGE_REPORT": "true",
			"K6_BROWSER_EXECUTABLE_PATH": binary, "K6_BROWSER_HEADLESS": "true", "K6_BROWSER_ARGS": "no-sandbox,disable-gpu",
		},
	})
	require.Zero(t, r.Code, r.Output())
	for line := range strings.Lines(r.Output()) {
		var shown struct{ Text *string }
		if json.Unmarshal([]byte(line), &shown) == nil && shown.Text != nil {
			return *shown.Text
		}
	}
	t.Fatalf("no text in %s", r.Output())
	return ""
}

// Every query names a metric that there is.
func TestDashboardNamesRealMetrics(t *testing.T) {
	known := append([]string{"iterations", "vus", "http_req_duration", "http_req_failed", "http_reqs",
		"app_pool_active", "app_pool_total", "app_pool_overflow", "app_pool_in_overflow"}, poolMetrics...)
	named := regexp.MustCompile(`^([a-z_]*)\[\?!tags && .+\]$`)
	for _, tab := range readDashboard(t).Tabs {
		for _, section := range tab.Sections {
			for _, panel := range section.Panels {
				for _, series := range panel.Series {
					found := named.FindStringSubmatch(series.Query)
					require.NotNil(t, found, series.Query)
					if panel.Kind != "summary" {
						require.Contains(t, known, found[1], panel.Title)
					}
				}
			}
		}
	}
}

// freeAddress is one on the loopback that nobody listens at.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close() //nolint:errcheck // only its address was wanted
	return fmt.Sprint(listener.Addr())
}
