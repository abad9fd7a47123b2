package experiment

import (
	"math"
	"math/rand/v2"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is left is said within 15 % from the first step on, where users who wait
// for a small pool take as long to leave as the step itself, and the machine is
// slower than foreseen. Without the waiting it was a third too little.
func TestProgressCountsWhatStepsTakeBesides(t *testing.T) {
	for name, options := range map[string]map[string]any{
		"tune":         {"plan": "tune", "hold": "250ms", "settle": 1, "duration": 5, "sizes": "2,4,8,16,32", "rounds": int64(3)},
		"before-after": {"plan": "before-after", "hold": "250ms", "settle": 1, "duration": 5, "rounds": int64(4)},
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(17, 8))
			plan := planOf(t, options)
			var done []Measurement
			var said, stands []time.Duration
			var took time.Duration
			for step, ok := plan.Next(nil); ok; step, ok = plan.Next(done) {
				said = append(said, announced(t, Announce(plan, step, done)))
				stands = append(stands, took)
				connections := step.Options["poolSize"].(int) + step.Options["maxOverflow"].(int)
				waiting := math.Max(0, 100-4*float64(connections)) // of 100 users who think for 1 s
				drain := 600 + 1.2*250*math.Max(3, waiting/math.Min(100, float64(connections)))
				whole := 6*time.Second + time.Duration(drain*math.Exp(0.1*random.NormFloat64()))*time.Millisecond
				took += whole
				done = append(done, Measurement{Step: step, Lasted: 5, Took: whole.Seconds()})
			}
			for i, left := range said[:len(said)-1] {
				require.InEpsilon(t, (took - stands[i]).Seconds(), left.Seconds(), 0.15, "before step %d", i+1)
			}
			require.Greater(t, took.Seconds(), float64(len(done))*6*1.15, "waiting matters here")
		})
	}
}

// announced reads how long it is said to take.
func announced(t *testing.T, line string) time.Duration {
	t.Helper()
	found := regexp.MustCompile(`; about (?:(\d+) min ?)?(?:([\d.]+) s )?left$`).FindStringSubmatch(line)
	require.NotNil(t, found, line)
	left, err := time.ParseDuration("0" + found[1] + "m0" + found[2] + "s")
	require.NoError(t, err)
	return left
}
