package command

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// screenWidth is the width of the text, in columns.
const screenWidth = 100

// text shows the plan on one screen.
func (p *poolPlan) text() string {
	var b strings.Builder
	p.writeHeader(&b)
	p.writeOutcomes(&b)
	p.writeRules(&b)
	p.writeBudget(&b)
	p.writeAdvice(&b)
	return b.String()
}

func (p *poolPlan) writeHeader(b *strings.Builder) {
	fmt.Fprintf(b, "%d users, each holding a connection for %s and thinking for %s\n",
		p.Users, showMillis(p.HoldMs), showMillis(p.ThinkMs))
	b.WriteString(p.shape())
	if p.Pools > 1 {
		b.WriteString("; a request goes to any of them, at random")
	}
	b.WriteString("\n\n")
}

func (p *poolPlan) shape() string {
	return fmt.Sprintf("%s × %s = %s", verdict.Counted(p.Instances, "instance"), verdict.Counted(p.Workers, "worker"), verdict.Counted(p.Pools, "pool"))
}

// each names all of so many pools one by one.
func each(pools int) string {
	if pools == 1 {
		return "the one pool"
	}
	return fmt.Sprintf("each of %d pools", pools)
}

// outcomeRow is one line of the table of outcomes.
type outcomeRow struct {
	label string
	show  func(planOutcome) string
}

func (p *poolPlan) writeOutcomes(b *strings.Builder) {
	outcomes := []planOutcome{p.Given}
	headings := []string{"given"}
	if p.Recommended != nil {
		outcomes = append(outcomes, *p.Recommended)
		headings = append(headings, "recommended")
	}
	writeCells(b, "", headings)
	for _, row := range p.outcomeRows() {
		var cells []string
		for _, o := range outcomes {
			cells = append(cells, row.show(o))
		}
		writeCells(b, row.label, cells)
	}
	b.WriteString("\n")
}

func writeCells(b *strings.Builder, label string, cells []string) {
	line := pad(label, 32)
	for _, cell := range cells {
		line += pad("", max(0, 18-utf8.RuneCountInString(cell))) + cell
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}

func (p *poolPlan) outcomeRows() []outcomeRow {
	rows := []outcomeRow{
		{"pool size + max overflow", func(o planOutcome) string { return fmt.Sprintf("%d + %d", o.PoolSize, o.MaxOverflow) }},
		{p.clientsLabel(), func(o planOutcome) string { return fmt.Sprint(o.Clients) }},
		{"  in use on average", func(o planOutcome) string { return fmt.Sprintf("%s (%s)", digits(o.InUse, 3), percent(o.Utilization)) }},
		{"  time in overflow", func(o planOutcome) string { return percent(o.OverflowTime) }},
		{"requests per second", func(o planOutcome) string { return digits(o.Throughput, 4) }},
		{"wait for a connection, mean", func(o planOutcome) string { return showMillis(o.MeanWaitMs) }},
		{fmt.Sprintf("  p%g (target: %s)", p.Percentile, showMillis(p.WaitTargetMs)), func(o planOutcome) string { return showMillis(o.PercentileWaitMs) }},
		{"  checkouts that wait", func(o planOutcome) string { return percent(o.Waiting) }},
		{fmt.Sprintf("  that time out after %s", showMillis(p.Given.PoolTimeoutMs)), func(o planOutcome) string { return percent(o.Timeouts) }},
	}
	if p.Given.PgBouncer == nil {
		return rows
	}
	return append(rows,
		outcomeRow{"PgBouncer's default_pool_size", func(o planOutcome) string { return fmt.Sprint(o.PgBouncerPoolSize) }},
		outcomeRow{"  wait in PgBouncer, mean", func(o planOutcome) string { return showMillis(o.PgBouncer.MeanWaitMs) }},
		outcomeRow{fmt.Sprintf("  p%g", p.Percentile), func(o planOutcome) string { return showMillis(o.PgBouncer.PercentileWaitMs) }})
}

// clientsLabel leaves out what the server has where PgBouncer stands between.
func (p *poolPlan) clientsLabel() string {
	if p.Given.PgBouncer != nil {
		return "connections, all pools"
	}
	return fmt.Sprintf("connections (%d available)", p.Server.Available)
}

func (p *poolPlan) writeRules(b *strings.Builder) {
	heading := fmt.Sprintf("Connections for a p%g wait of %s", p.Percentile, showMillis(p.WaitTargetMs))
	fmt.Fprintf(b, "%s%s\n", pad(heading, 48), "  each pool    all   leaves out")
	for _, rule := range p.Rules {
		fmt.Fprintf(b, "  %s%9s%7s   %s\n", pad(rule.Rule, 48), connections(rule.PerPool), connections(rule.AllPools), rule.LeavesOut)
	}
	b.WriteString("\n")
}

// connections shows whole numbers whole and means with three digits.
func connections(n float64) string {
	if n == 0 {
		return "-"
	}
	return digits(n, 3)
}

// digits shows a number of at least 0 with so many digits, all those before the
// point whatever their number, and never as a power of ten.
func digits(n float64, many int) string {
	switch {
	case n >= math.Pow10(many):
		return fmt.Sprintf("%.0f", n)
	case n > 0 && n < 0.001:
		return "<0.001"
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(n, 'g', many, 64), 64) // it was a number before
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

func (p *poolPlan) writeBudget(b *strings.Builder) {
	s := p.Server
	fmt.Fprintf(b, "Budget (%s)\n", s.Source)
	fmt.Fprintf(b, "  server        %d max_connections - %d superuser_reserved - %d reserved - %d other applications = %d\n",
		s.MaxConnections, s.SuperuserReserved, s.Reserved, s.Other,
		s.MaxConnections-s.SuperuserReserved-s.Reserved-s.Other)
	if s.Limit != "max_connections" {
		fmt.Fprintf(b, "                but %s allows %d\n", s.Limit, s.Available)
	}
	p.writeDemand(b, "given", p.Given)
	if p.Recommended != nil {
		p.writeDemand(b, "recommended", *p.Recommended)
	}
	p.writeWouldFit(b)
	b.WriteString("\n")
}

func (p *poolPlan) writeWouldFit(b *strings.Builder) {
	s := p.Server
	if p.Given.Fits || p.Given.PgBouncerPoolSize > 0 || s.Available < p.Pools {
		return
	}
	fmt.Fprintf(b, "  would fit     size + overflow of %d / %d = %d at most", s.Available, p.Pools, s.Available/p.Pools)
	if s.Limit == "max_connections" {
		fmt.Fprintf(b, ", or max_connections = %d", s.MaxConnections-p.Given.Spare)
	}
	b.WriteString("\n")
}

func (p *poolPlan) writeDemand(b *strings.Builder, label string, o planOutcome) {
	room := fmt.Sprintf("fits, %d to spare", o.Spare)
	switch instance := o.Clients / p.Instances; {
	case !o.Fits:
		room = fmt.Sprintf("DOES NOT FIT, %d too many", -o.Spare)
	case o.PgBouncerPoolSize == 0: // a rolling deployment runs old and new ones side by side
		room += fmt.Sprintf(" (%s while deploying)", verdict.Counted(o.Spare/instance, "more instance"))
	}
	fmt.Fprintf(b, "  %s%s = %d: %s\n", pad(label, 14), p.demand(o), o.Needed, room)
}

func (p *poolPlan) writeAdvice(b *strings.Builder) {
	for _, note := range p.Notes {
		b.WriteString(wrap(note, screenWidth) + "\n")
	}
	best := p.Recommended
	if best == nil {
		return
	}
	reason := "the smallest pool that meets the target; as much overflow again for a spike"
	if !best.TargetMet {
		reason = "the largest pool that fits; it misses the target"
	}
	fmt.Fprintf(b, "# .env: %s\n", reason)
	fmt.Fprintf(b, "DB_POOL_SIZE=%d\nDB_MAX_OVERFLOW=%d\nDB_POOL_TIMEOUT=%s\n",
		best.PoolSize, best.MaxOverflow, strconv.FormatFloat(best.PoolTimeoutMs/1000, 'f', -1, 64))
	if best.PgBouncerPoolSize > 0 {
		fmt.Fprintf(b, "# pgbouncer.ini\ndefault_pool_size = %d\nmax_client_conn = %d\n", best.PgBouncerPoolSize, max(100, best.Clients))
	}
}

// wrap breaks a text between words into lines of at most width.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+length > width:
			b.WriteString("\n")
			column = 0
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += length
	}
	return b.String()
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// percent shows a share with as many digits as matter.
func percent(share float64) string {
	switch p := share * 100; {
	case p < 1e-6:
		return "0%"
	case p < 0.01:
		return "<0.01%"
	case p < 1:
		return fmt.Sprintf("%.2f%%", p)
	default:
		return fmt.Sprintf("%.1f%%", p)
	}
}

// showMillis shows a time given in milliseconds.
func showMillis(ms float64) string {
	switch {
	case ms == 0:
		return "0ms"
	case ms < 0.01:
		return "<0.01ms"
	case ms < 999.5: // which three digits round to a second
		return digits(ms, 3) + "ms"
	default:
		return digits(ms/1000, 3) + "s"
	}
}
