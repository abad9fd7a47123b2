package command

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
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
	if p.Measured != nil {
		b.WriteString(p.Measured.text())
	} else {
		fmt.Fprintf(b, "%d users, each holding a connection for %s and thinking for %s\n",
			p.Users, text.Millis(p.HoldMs), text.Millis(p.ThinkMs))
	}
	b.WriteString(p.shape())
	if p.Pools > 1 {
		b.WriteString("; a request goes to any of them, at random")
	}
	b.WriteString("\n\n")
}

func (p *poolPlan) shape() string {
	return fmt.Sprintf("%s × %s = %s", text.Counted(p.Instances, "instance"), text.Counted(p.Workers, "worker"), text.Counted(p.Pools, "pool"))
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
	t := text.Table{Columns: append(text.Words(""), text.Numbers("given")...)}
	if p.Recommended != nil {
		outcomes = append(outcomes, *p.Recommended)
		t.Columns = append(t.Columns, text.Numbers("recommended")...)
	}
	for _, row := range p.outcomeRows() {
		cells := []string{row.label}
		for _, o := range outcomes {
			cells = append(cells, row.show(o))
		}
		t.Rows = append(t.Rows, cells)
	}
	b.WriteString(t.Text(text.Layout{}) + "\n")
}

func (p *poolPlan) outcomeRows() []outcomeRow {
	rows := []outcomeRow{
		{"pool size + max overflow", func(o planOutcome) string { return fmt.Sprintf("%d + %d", o.PoolSize, o.MaxOverflow) }},
		{p.clientsLabel(), func(o planOutcome) string { return fmt.Sprint(o.Clients) }},
		{"  in use on average", func(o planOutcome) string {
			return fmt.Sprintf("%s (%s)", text.Number(o.InUse), text.Share.Format(o.Utilization))
		}},
		{"  time in overflow", func(o planOutcome) string { return text.Share.Format(o.OverflowTime) }},
		{"requests per second", func(o planOutcome) string { return text.Number(o.Throughput) }},
		{"wait for a connection, mean", func(o planOutcome) string { return text.Millis(o.MeanWaitMs) }},
		{fmt.Sprintf("  p%g (target: %s)", p.Percentile, text.Millis(p.WaitTargetMs)), func(o planOutcome) string { return text.Millis(o.PercentileWaitMs) }},
		{"  checkouts that wait", func(o planOutcome) string { return text.Share.Format(o.Waiting) }},
		{fmt.Sprintf("  that time out after %s", text.Millis(p.Given.PoolTimeoutMs)), func(o planOutcome) string { return text.Share.Format(o.Timeouts) }},
	}
	if p.Given.PgBouncer == nil {
		return rows
	}
	return append(rows,
		outcomeRow{"PgBouncer's default_pool_size", func(o planOutcome) string { return fmt.Sprint(o.PgBouncerPoolSize) }},
		outcomeRow{"  wait in PgBouncer, mean", func(o planOutcome) string { return text.Millis(o.PgBouncer.MeanWaitMs) }},
		outcomeRow{fmt.Sprintf("  p%g", p.Percentile), func(o planOutcome) string { return text.Millis(o.PgBouncer.PercentileWaitMs) }})
}

// clientsLabel leaves out what the server has where PgBouncer stands between.
func (p *poolPlan) clientsLabel() string {
	if p.Given.PgBouncer != nil {
		return "connections, all pools"
	}
	return fmt.Sprintf("connections (%d available)", p.Server.Available)
}

func (p *poolPlan) writeRules(b *strings.Builder) {
	t := text.Table{Columns: append(append(
		text.Words(fmt.Sprintf("Connections for a p%g wait of %s", p.Percentile, text.Millis(p.WaitTargetMs))),
		text.Numbers("each pool", "all")...), text.Words("leaves out")...)}
	for _, rule := range p.Rules {
		t.Rows = append(t.Rows, []string{"  " + rule.Rule, connections(rule.PerPool), connections(rule.AllPools), rule.LeavesOut})
	}
	b.WriteString(t.Text(text.Layout{}) + "\n")
}

// connections shows integers as they are and means with three digits.
func connections(n float64) string {
	if n == 0 {
		return text.None
	}
	return text.Number(n)
}

func (p *poolPlan) writeBudget(b *strings.Builder) {
	s := p.Server
	fmt.Fprintf(b, "Budget (%s)\n", s.Source)
	fmt.Fprintf(b, "  server        %d max_connections - %d superuser_reserved - %d reserved - %d others - %d to read the CPU = %d\n",
		s.MaxConnections, s.SuperuserReserved, s.Reserved, s.Other, s.CPUReaders,
		s.MaxConnections-s.SuperuserReserved-s.Reserved-s.Other-s.CPUReaders)
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
		room += fmt.Sprintf(" (%s while deploying)", text.Counted(o.Spare/instance, "more instance"))
	}
	fmt.Fprintf(b, "  %s%s = %d: %s\n", text.Pad(label, 14), p.demand(o), o.Needed, room)
}

func (p *poolPlan) writeAdvice(b *strings.Builder) {
	for _, note := range p.Notes {
		b.WriteString(strings.Join(text.Wrap(text.Line(note), screenWidth), "\n") + "\n")
	}
	best := p.Recommended
	if best == nil {
		return
	}
	reason := p.reason(best)
	if p.Measured != nil {
		reason += p.Measured.interval()
	}
	fmt.Fprintf(b, "# .env: %s\n", reason)
	fmt.Fprintf(b, "DB_POOL_SIZE=%d\nDB_MAX_OVERFLOW=%d\nDB_POOL_TIMEOUT=%s\n",
		best.PoolSize, best.MaxOverflow, strconv.FormatFloat(best.PoolTimeoutMs/1000, 'f', -1, 64))
	if best.PgBouncerPoolSize > 0 {
		fmt.Fprintf(b, "# pgbouncer.ini\ndefault_pool_size = %d\nmax_client_conn = %d\n", best.PgBouncerPoolSize, max(100, best.Clients))
	}
}
