package command

import (
	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/monitor"
)

// recentCauses names what holds the application up now: the diagnosis of the
// last moments, by the same table as the report's.
type recentCauses struct {
	samples []monitor.Sample
}

// moments are enough to tell a state from a moment.
const moments = 3

// of is the cause of the moments up to this one, "none" without one, and empty
// where the database does not answer for another reason than a full server.
func (c *recentCauses) of(s monitor.Sample) string {
	c.samples = append(c.samples, s)
	c.samples = c.samples[max(0, len(c.samples)-moments):]
	var tally monitor.Tally
	for _, sample := range c.samples {
		tally.Add(sample)
	}
	report := tally.Report()
	found := diagnosis.Of(diagnosis.Facts{Watched: &report})
	switch {
	case len(found) > 0:
		return found[0].Name
	case s.Database == nil:
		return ""
	default:
		return "none"
	}
}
