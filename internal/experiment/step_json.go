package experiment

import (
	"encoding/json"
	"time"
)

// stepJSON is how a step is written: times in seconds, for people.
type stepJSON struct {
	Label    string         `json:"label"`
	Round    int            `json:"round"`
	Options  map[string]any `json:"options,omitempty"`
	Load     Load           `json:"load"`
	Settle   float64        `json:"settle_s"`
	Duration float64        `json:"duration_s"`
}

// MarshalJSON implements json.Marshaler.
func (s Step) MarshalJSON() ([]byte, error) {
	return json.Marshal(stepJSON{s.Label, s.Round, s.Options, s.Load, s.Settle.Seconds(), s.Duration.Seconds()})
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Step) UnmarshalJSON(text []byte) error {
	var read stepJSON
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	*s = Step{read.Label, read.Round, read.Options, read.Load, toDuration(read.Settle), toDuration(read.Duration)}
	return nil
}

// toDuration rounds to the microsecond, so that 0.1 s is not 99.999999 ms.
func toDuration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(time.Microsecond)
}
