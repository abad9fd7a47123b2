package experiment

import (
	"fmt"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// showDuration writes a duration that a configuration holds as it was given.
func showDuration(s string) string {
	if d, err := time.ParseDuration(s); err == nil {
		return text.Setting(d)
	}
	return s
}

// String writes a ratio with its interval: "0.45× (0.41–0.50)".
func (i interval) String() string {
	if !i.hasInterval() {
		return text.Ratio.Format(i.value)
	}
	return fmt.Sprintf("%s (%s–%s)", text.Ratio.Format(i.value), text.Factor(i.low), text.Factor(i.high))
}
