//go:build unix

package report_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/report"
)

// pictures keeps the pictures for people to look at: go test ./report -args -pictures=dir.
var pictures = flag.String("pictures", "", "directory to keep pictures of the page in")

// chromium finds the browser: as Debian calls it, or as other systems do. Where
// there is none the test is skipped, but not in CI.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("chromium is not installed: apt-get install chromium")
	}
	t.Skip("chromium is not installed: apt-get install chromium")
	return ""
}

// visit is one page to open in the browser, as testdata/look.js wants it.
type visit struct {
	URL     string `json:"url"`
	Width   int    `json:"width"`
	Scheme  string `json:"scheme"`
	Picture string `json:"picture,omitempty"`
}

// sight is what the browser saw of a page.
type sight struct {
	Width      int
	Height     int
	Opened     float64 // milliseconds from the first byte until it is drawn
	Header     string
	Scripts    int
	Ran        bool
	Paper, Ink string
	Messages   []string
	Requests   []string
	Smallest   textSeen
	Palest     textSeen
	Charts     []chartSeen
}

type textSeen struct {
	Text           string
	Size, Contrast float64
}

type chartSeen struct {
	Title, Absent, Role, Label     string
	Pictures, Shown                int
	Whiskers, Bands, Marks, Limits int
	Series                         []seriesSeen
}

type seriesSeen struct {
	Name     string
	Values   []float64
	Points   [][2]float64
	Contrast float64
}

// look opens pages in Chromium, through k6's own browser module.
func look(t *testing.T, visits []visit) []sight {
	t.Helper()
	browser := chromium(t)
	list, err := json.Marshal(visits)
	require.NoError(t, err)
	run := k6test.Browse(t, k6test.Run{Plain: true,
		Args: []string{"run", "--quiet", "--log-format=json", filepath.Join(k6test.Root(t), "internal", "report", "testdata", "look.js")},
		Env: map[string]string{
			"VISITS": string(list), "WHOLE": strconv.FormatBool(*pictures != ""),
			"K6_BROWSER_EXECUTABLE_PATH": browser,
			"K6_BROWSER_HEADLESS":        "true", "K6_BROWSER_ARGS": "no-sandbox",
			"K6_BROWSER_TIMEOUT": "40s", // other tests may have the processor
		},
	})
	require.Zero(t, run.Code, run.Output())
	var sights []sight
	var rest strings.Builder
	for line := range strings.Lines(run.Output()) {
		var entry struct{ Msg string }
		text, ok := "", false
		if json.Unmarshal([]byte(line), &entry) == nil {
			text, ok = strings.CutPrefix(entry.Msg, "LOOK")
		}
		if !ok {
			rest.WriteString(line)
			continue
		}
		var seen sight
		require.NoError(t, json.Unmarshal([]byte(text), &seen))
		sights = append(sights, seen)
	}
	require.Equal(t, len(visits), len(sights), "pages seen: %s", rest.String()) //nolint:testifylint // Len would print all that was seen
	return sights
}

// serve gives pages to the browser and remembers what it asked for.
func serve(t *testing.T, pages map[string]report.Input) (base string, asked func() []string) {
	t.Helper()
	texts := make(map[string][]byte)
	for name, in := range pages {
		html, err := report.HTML(in)
		require.NoError(t, err)
		texts["/"+name] = html
	}
	var mu sync.Mutex
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		paths = append(paths, r.URL.Path)
		mu.Unlock()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(texts[r.URL.Path])
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return paths
	}
}

func TestThePageInABrowser(t *testing.T) {
	base, asked := serve(t, map[string]report.Input{"run": sample(), "bare": bare(), "hostile": hostilePage(), "day": day()})
	dir := *pictures
	if dir == "" {
		dir = t.TempDir()
	}
	var visits []visit
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int{1280, 390} {
			picture := filepath.Join(dir, fmt.Sprintf("%s-%d.png", scheme, width))
			visits = append(visits, visit{base + "/run", width, scheme, picture})
		}
	}
	visits = append(visits,
		visit{base + "/bare", 390, "light", ""}, visit{base + "/hostile", 390, "dark", ""}, visit{base + "/hostile", 1280, "light", ""},
		visit{base + "/day", 1280, "light", ""})
	sights := look(t, visits)

	for i, seen := range sights {
		t.Run(fmt.Sprintf("%s %d %s", filepath.Base(visits[i].URL), visits[i].Width, visits[i].Scheme), func(t *testing.T) {
			requireSound(t, visits[i], seen)
		})
	}
	require.Len(t, asked(), len(visits), "a page asks for nothing but itself")
	for _, v := range visits[:4] {
		picture, err := os.ReadFile(v.Picture)
		require.NoError(t, err)
		require.Equal(t, "image/png", http.DetectContentType(picture))
	}
	requireTheRun(t, sights[0])
	for _, seen := range sights[:4] {
		require.Greater(t, seen.Height, 1000)
		require.LessOrEqual(t, seen.Height, 6000, "an experiment is read, not scrolled through")
	}
	require.NotContains(t, sights[0].Paper, "rgba", "the page has a ground of its own")
	require.NotEqual(t, sights[0].Paper, sights[2].Paper, "light and dark")
	require.NotEqual(t, sights[0].Ink, sights[2].Ink, "light and dark")
	for _, c := range sights[4].Charts {
		require.NotEmpty(t, c.Absent, "%s has no data", c.Title)
	}
	// A second is the goal, and 0.85 s what it took while others had the processor.
	require.Less(t, sights[7].Opened, 10_000.0, "milliseconds until a day is drawn")
	for _, seen := range sights[5:7] {
		require.NotContains(t, seen.Header, secret)
		require.Contains(t, seen.Header, "<script>window.ran=true</script>", "hostile text is shown as text")
	}
}

// requireSound asserts what holds of every page.
func requireSound(t *testing.T, v visit, seen sight) {
	t.Helper()
	require.Empty(t, seen.Messages, "console")
	require.Equal(t, []string{v.URL}, seen.Requests)
	require.Zero(t, seen.Scripts, "elements that could run or load something")
	require.False(t, seen.Ran, "a text was run as a script")
	require.LessOrEqual(t, seen.Width, v.Width, "it scrolls sideways")
	require.GreaterOrEqual(t, seen.Smallest.Size, 9.0, "size of %q", seen.Smallest.Text)
	require.GreaterOrEqual(t, seen.Palest.Contrast, 4.5, "contrast of %q", seen.Palest.Text)
	require.NotEmpty(t, seen.Charts)
	for _, c := range seen.Charts {
		c.requireDrawn(t)
	}
}

// requireDrawn asserts that what is drawn is what the chart's table says.
func (c chartSeen) requireDrawn(t *testing.T) {
	t.Helper()
	if c.Absent != "" {
		require.Zero(t, c.Pictures, c.Title)
		return
	}
	require.Equal(t, 1, c.Shown, "%s: one of its pictures is shown", c.Title)
	require.Equal(t, "img", c.Role, c.Title)
	require.Contains(t, c.Label, c.Title)
	require.NotEmpty(t, c.Series, c.Title)
	var values, heights []float64
	for _, s := range c.Series {
		require.NotEmpty(t, s.Values, "%s, %s", c.Title, s.Name)
		require.Len(t, s.Points, len(s.Values), "%s, %s: points drawn", c.Title, s.Name)
		require.GreaterOrEqual(t, s.Contrast, 3.0, "%s, %s: contrast", c.Title, s.Name)
		for i, p := range s.Points {
			values, heights = append(values, s.Values[i]), append(heights, p[1])
		}
	}
	requireLinear(t, c.Title, values, heights)
}

// requireLinear asserts that heights are the values on one scale, as exactly as
// whole pixels and four digits can be.
func requireLinear(t *testing.T, title string, values, heights []float64) {
	t.Helper()
	low, high := 0, 0
	for i, value := range values {
		if value < values[low] {
			low = i
		}
		if value > values[high] {
			high = i
		}
	}
	if values[low] == values[high] {
		return
	}
	pixels := (heights[high] - heights[low]) / (values[high] - values[low])
	require.Negative(t, pixels, "%s: larger is higher", title)
	for i, value := range values {
		expected := heights[low] + pixels*(value-values[low])
		require.LessOrEqual(t, math.Abs(expected-heights[i]), 2.0, "%s: %v is drawn elsewhere", title, value)
	}
}

// requireTheRun asserts that the sample's charts hold what was put in.
func requireTheRun(t *testing.T, seen sight) {
	t.Helper()
	charts := make(map[string]chartSeen)
	for _, c := range seen.Charts {
		charts[c.Title] = c
	}
	in := sample()
	for _, section := range in.Sections {
		for _, c := range section.Charts {
			drawn := charts[c.Title]
			require.Len(t, drawn.Series, len(c.Series), c.Title)
			require.Equal(t, len(c.Marks), drawn.Marks, c.Title)
			for i, s := range c.Series {
				require.Len(t, drawn.Series[i].Points, len(s.Values), c.Title)
				require.InDeltaSlice(t, s.Values, drawn.Series[i].Values, 0.1, c.Title)
			}
		}
	}
	require.Equal(t, 6, charts["Response time"].Whiskers, "two series of three bars")
	require.Equal(t, 1, charts["Response time by pool size"].Bands)
	require.Equal(t, "There are no values to draw.", charts["Arrivals dropped"].Absent)
	require.Equal(t, 2, charts["Connections"].Limits, "poolSize and the ceiling")
	for _, title := range []string{
		"Connections", "Wait for a connection", "Statements", "Requests", "Throughput", "Failures", "Database CPU",
	} {
		require.Contains(t, charts, title)
		require.Empty(t, charts[title].Absent, title)
		require.Equal(t, 2, charts[title].Marks, "%s: the phases", title)
	}
	timedOut := 0.0
	for _, value := range charts["Failures"].Series[0].Values {
		timedOut += value
	}
	require.EqualValues(t, in.Timeline.Whole().Requests.Timeouts, timedOut, "no failure is left out")
}
