package experiment

import (
	"fmt"
	"math"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// rounded writes what is an integer but for a quantile's accuracy.
func rounded(v float64) string { return text.Number(math.Round(v)) }

// showDuration writes a duration that a configuration holds as it was given.
func showDuration(s string) string {
	if d, err := time.ParseDuration(s); err == nil {
		return text.Setting(d)
	}
	return s
}

// String writes a ratio with its spread: "0.45× (0.41–0.50)".
func (i interval) String() string {
	if !i.hasInterval() {
		return text.Ratio.Format(i.value)
	}
	return fmt.Sprintf("%s (%s–%s)", text.Ratio.Format(i.value), text.Factor(i.low), text.Factor(i.high))
}
