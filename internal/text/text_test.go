package text_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

func TestUnits(t *testing.T) {
	for _, test := range []struct {
		unit  text.Unit
		value float64
		want  string
	}{
		{text.Milliseconds, 0, "0 ms"},
		{text.Milliseconds, 0.001, "<0.01 ms"},
		{text.Milliseconds, 0.4, "0.40 ms"},
		{text.Milliseconds, 0.999, "1.0 ms"},
		{text.Milliseconds, 4.14, "4.1 ms"},
		{text.Milliseconds, 9.96, "10 ms"},
		{text.Milliseconds, 182.4, "182 ms"},
		{text.Milliseconds, 999.6, "1.00 s"},
		{text.Milliseconds, 30_000, "30 s"},
		{text.Milliseconds, 123_456, "123 s"},
		{text.Milliseconds, 1150, "1.15 s"},
		{text.Share, 0.95, "95.0 %"},
		{text.Percent, 0, "0.0 %"},
		{text.Share, 1e-12, "0.0 %"},
		{text.Percent, 0.003, "<0.01 %"},
		{text.Percent, 0.02, "0.02 %"},
		{text.Percent, 78, "78.0 %"},
		{text.Ratio, 1.183, "1.18×"},
		{text.Ratio, 0.0123, "0.012×"},
		{text.Ratio, 0.00001, "<0.0001×"},
		{text.Ratio, 123.4, "123×"},
		{text.PerSecond, 98.61, "98.6/s"},
		{text.Count, 3, "3"},
		{text.Count, 0.0123, "0.01"},
		{text.Count, 1.5, "1.5"},
		{text.Count, math.NaN(), text.None},
		{text.Ratio, math.Inf(1), text.None},
	} {
		require.Equal(t, test.want, test.unit.Format(test.value), "%s %v", test.unit, test.value)
	}
	require.Equal(t, "94.996 %", text.Share.Beside(0.94996, 0.95))
	require.Equal(t, "95.0 %", text.Share.Beside(0.95, 0.95))
	require.Equal(t, "500.1 ms", text.Milliseconds.Beside(500.1, 500))
	require.Equal(t, "1.1504 s", text.Milliseconds.Beside(1150.4, 1150))
}

func TestNumbers(t *testing.T) {
	for want, value := range map[string]float64{
		"0": math.Copysign(0, -1), "12345": 12345, "0.00012": 0.00012, "0.0123": 0.0123, "0.5": 0.5, "4.56": 4.561,
		"123.5": 123.46, "1235": 1234.6, "-3": -3, "–": math.NaN(),
	} {
		require.Equal(t, want, text.Number(value))
	}
	for want, value := range map[string]float64{"7": 7, "999": 999, "1\u202f000": 1000, "12\u202f345\u202f678": 12345678} {
		require.Equal(t, want, text.Grouped(value))
	}
	for want, value := range map[string]time.Duration{
		"250 ms": 250 * time.Millisecond, "2.5 s": 2500 * time.Millisecond, "45 s": 45 * time.Second, "1 min": 59900 * time.Millisecond,
		"5 min": 5 * time.Minute, "1 h 5 min": 65*time.Minute + 7*time.Second, "2 h 7 s": 2*time.Hour + 7*time.Second,
	} {
		require.Equal(t, want, text.Length(value))
	}
	for want, value := range map[string]time.Duration{"1h": time.Hour, "1h5m": 65 * time.Minute, "30s": 30 * time.Second, "1h0m7s": time.Hour + 7*time.Second} {
		require.Equal(t, want, text.Setting(value))
	}
	require.Equal(t, "1 user, 3 users", text.Counted(1, "user")+", "+text.Counted(3, "user"))
	require.Equal(t, "once, 2 times", text.List(text.Times(1), "", text.Times(2)))
}

func TestNothingFromOutsideMovesTheCursor(t *testing.T) {
	hostile := "a\x1b[2Jb\r\nc\u202ed\u0085e\x9bf\xff"
	for _, shown := range []string{
		text.Clean(hostile), text.Line(hostile), text.Value(hostile), text.Quote(hostile), text.Markdown(hostile),
		text.Hang("> ", 2, hostile, 80),
		text.Table{Caption: hostile, Columns: text.Words(hostile, "b"), Rows: [][]string{{hostile, hostile}}}.Text(text.Layout{}),
		text.Table{Caption: hostile, Columns: text.Words(hostile, "b"), Rows: [][]string{{hostile, hostile}}}.Markdown(),
	} {
		require.NotContains(t, shown, "\x1b")
		require.NotContains(t, shown, "\u009b")
		require.NotContains(t, shown, "\u202e")
		require.NotContains(t, shown, "\r")
		require.Contains(t, shown, "a\ufffd")
	}
}

func TestNoSecretIsShown(t *testing.T) {
	const secret = "geh3im"
	for _, s := range []string{
		"postgres://app:geh3im@db:5432/flow", "postgres://appgeh3im@db", "postgres://app:geh3im/@x@db/flow?sslmode=disable",
		"https://:geh3im@host/path", "host=db password=geh3im user=app", "host=db password = 'geh3im' user=app", "PGPASSWORD=geh3im psql",
		"password='geh3im x' b", `{"password": "geh3im"}`, `{"access_token":"geh3im"}`, "http://app/api?token=geh3im&page=2",
		"http://app/api?page=2&api_key=geh3im", "http://app/api?sig=geh3im", "Authorization: Bearer geh3im", "authorization: Basic geh3im==",
		"client_secret=geh3im", "sslpassword=geh3im", "X-Api-Key=geh3im", "failed to connect to `user=anngeh3im database=x`: no such host", "postgres:/ann:geh3im@db/x", "postgres://u:p%40geh3im@h, postgres://v:geh3im@h",
	} {
		require.NotContains(t, text.Redact(s), secret, s)
		require.Contains(t, text.Redact(s), text.Mask, s)
		require.NotContains(t, text.Line(s)+text.Value(s)+text.Markdown(s), secret, s)
	}
	for _, s := range []string{
		"postgres://db:5432/flow?sslmode=disable", "http://127.0.0.1:8000/api/issues?page=2", "no password: set it in DATABASE_URL",
		`password authentication failed for user "app"`, "mail me@example.com", "key=3",
	} {
		require.Equal(t, s, text.Redact(s))
	}
}

func TestValuesAreCutWithTheirLength(t *testing.T) {
	long := strings.Repeat("9", 500_000)
	require.Equal(t, long[:200]+"… (500000 characters)", text.Value(long))
	require.Equal(t, "x is "+long[:200]+"… (500000 characters) and more", text.Line("x is "+long+" and more"))
	require.Equal(t, strings.Repeat("ä", 200), text.Value(strings.Repeat("ä", 200)))
	require.Less(t, len(text.Line(strings.Repeat("word ", 200_000))), 2100)
}

func TestWrapping(t *testing.T) {
	require.Equal(t, []string{"one two", "three"}, text.Wrap("one  two\nthree", 8))
	require.Equal(t, []string{"abcdefghij", "k"}, text.Wrap("abcdefghij k", 3))
	require.Equal(t, []string{"one two three"}, text.Wrap("one two three", 0))
	require.Equal(t, []string{"池 池", "池"}, text.Wrap("池 池 池", 6), "a wide character takes two columns")
	require.Equal(t, "Note: one\n      two\n", text.Hang("Note: ", 6, "one two", 10))
}

func TestTables(t *testing.T) {
	table := text.Table{
		Caption: "Pools", Columns: append(text.Words("Pool"), append(text.Numbers("p95", "Served"), text.Words("As|good")...)...),
		Rows: [][]string{{"20+40", "1.15 s", "98.6/s", "yes"}, {"  池", "4 ms"}},
	}
	require.Equal(t, ""+
		"  Pools\n"+
		"  Pool      p95  Served  As|good\n"+
		"  20+40  1.15 s  98.6/s  yes\n"+
		"    池     4 ms\n", table.Text(text.Layout{Indent: "  "}))
	require.Equal(t, ""+
		"Pools\nPool      p95  Served\n20+40  1.15 s  98.6/s\n  池     4 ms\n\n"+
		"Pool   As|good\n20+40  yes\n  池\n", table.Text(text.Layout{Width: 22}))
	require.Equal(t, ""+
		"Pools\n\n| Pool | p95 | Served | As\\|good |\n| --- | ---: | ---: | --- |\n"+
		"| 20+40 | 1.15 s | 98.6/s | yes |\n|   池 | 4 ms |  |  |\n", table.Markdown())
	paint := func(row, column int, s string) string {
		if row == 0 && column == 3 {
			return text.Green.Paint(s)
		}
		return s
	}
	require.Contains(t, table.Text(text.Layout{Paint: paint}), "98.6/s  \x1b[32myes\x1b[0m")
}

func TestWhatCannotBeDecodedIsSaidInWords(t *testing.T) {
	type Inner struct {
		Sizes []int `json:"sizes"`
	}
	type file struct {
		Inner
		Name   string             `json:"name"`
		Users  *int               `json:"users"`
		Share  float64            `json:"share"`
		Wanted bool               `json:"wanted"`
		Of     map[string]float64 `json:"of"`
	}
	for content, want := range map[string]string{
		"":                 "it is empty",
		" \n":              "it is empty",
		"[1]":              "it is a JSON array, not an object",
		"3":                "it is a JSON number, not an object",
		`{"name": 3}`:      "name is a number; use a string",
		`{"users": 1.5}`:   "users is a number 1.5; use an integer",
		`{"share": []}`:    "share is an array; use a number",
		`{"wanted": "no"}`: "wanted is a string; use true or false",
		`{"of": true}`:     "of is a bool; use an object",
		`{"sizes": {}}`:    "sizes is an object; use an array",
		"{":                "unexpected end of JSON input",
		"{}":               "",
	} {
		err := text.Undecoded([]byte(content), json.Unmarshal([]byte(content), &file{}))
		if want == "" {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, want)
		}
	}
}
