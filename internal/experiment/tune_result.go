package experiment

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

func (p *tune) Result(done []Measurement) *Result {
	left, _ := p.left(done)
	r := newResult(p.plan, len(done), left)
	w := p.swept(done)
	k, ok := w.find()
	s := report.Section{Title: fmt.Sprintf("Pool size for %s, %s", p.loadInWords(), rounds(w.rounds())), Text: paragraphs(unfinished(len(done), left))}
	if !ok {
		s.Text = append(s.Text, p.nothing(w))
		switch {
		case w.rounds() > 0:
			s.Tables = []text.Table{p.table(w, k.inWords)}
		case len(done) > 0:
			s.Tables = []text.Table{p.table(p.bySize(done), notCompared)}
		}
		r.Sections = []report.Section{s}
		return r
	}
	c := k.bootstrap(p.seed)
	s.Tables = []text.Table{p.table(w, k.inWords)}
	s.Text = append(s.Text, paragraphs(p.onPools(), p.recommendation(w, k, c), k.method(w), p.onGenerator(done))...)
	s.Charts = p.charts(w, k)
	r.Answer = p.header(k, c)
	check := report.Section{Title: "Cross-check with the models"}
	var modeled int
	check.Text, modeled = p.crossCheck(w, k, c)
	paste := report.Section{Title: "To paste" + p.forEach(), Snippets: snippets(p.recommended(k), p.pool)}
	r.Sections = []report.Section{s, check, paste}
	k.addValues(r.Values, p.recommended(k), p.rate > 0)
	switch {
	case c.sure:
		r.Values[metricConnectionsLow], r.Values[metricConnectionsHigh] = float64(c.low), float64(c.high)
		r.Values[metricAgreement], r.Values[metricNoise] = c.agreement, k.noise()
	case w.rounds() == 1:
		const why = "one round does not show the noise; raise ROUNDS"
		r.Unknown = map[string]string{metricAgreement: why, metricNoise: why}
	default: // the only pool that works: no noise makes one work that fails
		r.Values[metricAgreement], r.Values[metricNoise] = 1, 0
	}
	if modeled > 0 {
		r.Values[metricModelConnections] = float64(modeled)
	}
	return r
}

func (p *tune) nothing(w sweep) string {
	if w.rounds() == 0 {
		return "No round was finished: there is nothing to recommend."
	}
	return "No pool served requests in every round: there is nothing to recommend."
}

func (k knee) addValues(values map[string]float64, recommended size, open bool) {
	best := k.sound[k.chosen]
	total := sum(best.rounds)
	values[metricPoolSize], values[metricMaxOverflow] = float64(recommended.base), float64(recommended.overflow)
	values[metricConnections] = float64(best.connections())
	values[metricTuneP95] = geometricMean(best.rounds, p95)
	values[metricTuneThroughput] = geometricMean(best.rounds, throughput)
	values[metricTuneSuccess], values[metricTuneTimeouts] = total.success(), float64(total.Timeouts)
	values[metricTuneTimedOut] = total.timedOut()
	if open {
		values[metricTuneDropped], values[metricTuneDroppedShare] = float64(total.Dropped), total.unserved()
	}
}

// header is the recommended pool with its interval.
func (p *tune) header(k knee, c confidenceOf) []report.Fact {
	best := k.sound[k.chosen]
	size := report.Fact{Name: "Recommended pool", Value: p.recommended(k).String(), Detail: "pool size + max overflow" + p.forEach()}
	if c.sure {
		size.Detail = fmt.Sprintf("95 %% interval %d to %s", c.low, text.Counted(c.high, "connection"))
	}
	return []report.Fact{
		size,
		{Name: "Response p95", Value: text.Millis(geometricMean(best.rounds, p95)), Detail: "with it"},
		{Name: "Requests served", Value: text.PerSecond.Format(geometricMean(best.rounds, throughput)), Detail: "with it"},
	}
}

// recommended is the chosen pool as it should be set: one that was measured
// without overflow gets as much of it again, as far as the server has room. It is
// for spikes, and costs nothing while it is not used.
func (p *tune) recommended(k knee) size {
	best := k.sound[k.chosen].size
	if best.overflow > 0 {
		return best
	}
	best.overflow = best.base
	if left, known := p.server.available(); known {
		best.overflow = max(0, min(best.base, left/p.copies()-best.base))
	}
	return best
}

func (p *tune) recommendation(w sweep, k knee, c confidenceOf) string {
	best, set := k.sound[k.chosen], p.recommended(k)
	why := "is the smallest pool measured whose p95 (%s) and requests served (%s) are as good as the best's%s."
	if k.compromise() {
		why = "is closest to the best p95 and requests served (%s, %s)%s; no pool measured is as good at both."
	}
	among := ""
	if len(p.criteria) > 0 && k.met {
		among = ", among those that met the criteria"
	}
	said := fmt.Sprintf("Recommended: pool size %d, max overflow %d%s: %s "+why, set.base, set.overflow, p.forEach(),
		best, text.Millis(geometricMean(best.rounds, p95)), text.PerSecond.Format(geometricMean(best.rounds, throughput)), among)
	if set.overflow != best.overflow {
		said += " The overflow is for spikes and was not measured."
	}
	if !k.met {
		said += fmt.Sprintf(" None of the pools compared met the criteria in most rounds, so the criteria were not used. The largest of them missed: %s",
			sentence(k.sound[len(k.sound)-1].broke[0].reason()))
	}
	if c.sure {
		said += fmt.Sprintf(" The 95 %% confidence interval is %d to %s, among the sizes measured; %s of %d resamples recommend the same pool.",
			c.low, text.Counted(c.high, "connection"), text.Share.Format(c.agreement), resamples)
	}
	if len(k.sound) == 1 {
		said += " It is the only one that did."
	}
	return said + p.reservations(w, k)
}

// reservations say what the recommendation leaves open.
func (p *tune) reservations(w sweep, k knee) string {
	best, said := k.sound[k.chosen], ""
	if behind := k.behind(); behind > w.tolerance && !k.compromise() {
		said += fmt.Sprintf(" It is %s behind the best in one of the two, which is within the noise: more or longer rounds would decide.", text.Share.Format(behind))
	}
	if k.chosen == 0 && best.size == p.sizes[0] {
		said += " It is the smallest of the sweep: an even smaller one may be as good."
	}
	if k.chosen == len(k.sound)-1 && len(k.sound) > 1 {
		said += " It is the largest of the sweep: an even larger one may be better."
	}
	return said
}

// method says how noise was told from difference.
func (k knee) method(w sweep) string {
	if w.rounds() == 1 || k.p95.freedom == 0 {
		return fmt.Sprintf("A pool is as good as the best if it is within %s of it. With one round, or one pool that works, the noise and the certainty of the recommendation are not known: run more rounds.",
			text.Share.Format(w.tolerance))
	}
	return fmt.Sprintf("From round to round, a pool's p95 varies by %s and its requests served by %s (residual standard deviation of the logarithms, without the means of pools and rounds, %s). "+
		"A pool is as good as the best if the difference is within the noise (t·s·√(2/rounds), one-sided 95 %%) or the tolerance of %s, whichever is larger: %s for the p95, %s for requests served.",
		text.Share.Format(k.p95.variation()), text.Share.Format(k.served.variation()), text.Counted(k.p95.freedom, "degree")+" of freedom", text.Share.Format(w.tolerance),
		text.Share.Format(math.Expm1(k.p95Limit.value)), text.Share.Format(math.Expm1(k.served95.value)))
}

// columns are what is shown of a pool.
func (p *tune) columns() []line {
	columns := slices.Clone(common)
	if p.pools > 1 {
		columns = append(columns, line{p.peakInUse(), peakInUse, text.Number, false, most})
	}
	return slices.Concat(columns, p.ofPools("All peaks", "Imbalance"), p.ofLoad("Dropped"), []line{
		{"Held", held, text.Millis, false, average},
		{"Mean wait", waitMean, text.Millis, false, average},
	})
}

// table has one row for each pool, the smallest first. asGood says how it
// compares with the best.
func (p *tune) table(w sweep, asGood func(candidate) string) text.Table {
	columns := p.columns()
	t := text.Table{Columns: slices.Concat(text.Words("Pool", "As good"), headings(columns), text.Numbers("By model", "CPU"))}
	for _, c := range w.all {
		row := append([]string{c.String(), asGood(c)}, cells(columns, c.rounds)...)
		t.Rows = append(t.Rows, append(row, p.modelInWords(c), cpuOfHost.cell(c.rounds)))
	}
	return t
}

func (p *tune) modelInWords(c candidate) string {
	q, ok := p.model(c)
	switch {
	case !ok:
		return text.None
	case math.IsInf(q.wait, 1):
		return "overload"
	default:
		return text.Millis(q.wait)
	}
}

// notCompared is shown where no round is complete.
func notCompared(candidate) string { return text.None }

func (k knee) inWords(c candidate) string {
	i := slices.IndexFunc(k.sound, func(s candidate) bool { return s.size == c.size })
	switch {
	case i < 0 && !c.meets():
		return "misses: " + c.broke[0].titles()
	case i < 0 || k.asGood == nil:
		return "fails"
	case i == k.chosen:
		return "recommended"
	case k.asGood[i]:
		return "yes"
	default:
		return "no"
	}
}

// charts are the sweep's curves over the connections, the knee marked.
func (p *tune) charts(w sweep, k knee) []report.Chart {
	var connections []float64
	var groups [][]Measurement
	for _, v := range w.all {
		connections, groups = append(connections, float64(v.connections())), append(groups, v.rounds)
	}
	charts := []report.Chart{
		curves("Response time and wait over the pool's size", "milliseconds", groups,
			line{title: "response, p95", value: p95}, line{title: "wait for a connection, p95", value: waitP95}),
		curves("Requests served over the pool's size", "per second", groups, line{title: "served", value: throughput}),
	}
	best := k.sound[k.chosen]
	for i := range charts {
		charts[i].X, charts[i].XLabel, charts[i].Log = connections, "connections (pool size + max overflow)", true
		charts[i].Marks = []report.Mark{{X: float64(best.connections()), Label: "recommended: " + best.String()}}
	}
	return charts
}

// snippets are a recommendation as FlowBoard's backend, any SQLAlchemy
// application and a Go program take it. What is not swept is as it was measured.
func snippets(v size, measured configuration) []report.Snippet {
	timeout, recycle := inSeconds(measured.timeout()), "-1"
	if age := measured.recycle(); age >= 0 {
		recycle = inSeconds(age)
	}
	ping := measured["poolPrePing"] == true
	return []report.Snippet{
		{Caption: ".env", Language: "ini", Text: fmt.Sprintf("DB_POOL_SIZE=%d\nDB_MAX_OVERFLOW=%d\nDB_POOL_TIMEOUT=%s\nDB_POOL_RECYCLE=%s\nDB_POOL_PRE_PING=%t",
			v.base, v.overflow, timeout, recycle, ping)},
		{Caption: "SQLAlchemy", Language: "python", Text: fmt.Sprintf("engine = create_async_engine(\n    DATABASE_URL,\n    pool_size=%d,\n    max_overflow=%d,\n    pool_timeout=%s,\n    pool_recycle=%s,\n    pool_pre_ping=%s,\n)",
			v.base, v.overflow, timeout, recycle, map[bool]string{true: "True", false: "False"}[ping])},
		// pgxpool knows one limit: it keeps what it opened until it was idle for
		// pool_max_conn_idle_time.
		{Caption: "pgxpool (Go), which has one limit for both", Text: fmt.Sprintf("postgresql://USER@HOST/DATABASE?pool_max_conns=%d&pool_max_conn_lifetime=%s",
			v.connections(), lifetime(measured.recycle()))},
	}
}

// inSeconds writes seconds as both Python and .env read them.
func inSeconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// lifetime is pgxpool's, for which 0 is never. With one that is over before a
// connection is open it would connect forever.
func lifetime(recycle time.Duration) string {
	if recycle < 0 {
		return "0s"
	}
	return text.Setting(max(recycle, time.Second))
}
