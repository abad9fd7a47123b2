package merge

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// The settings by which a runner of several describes itself.
const (
	segmentOption  = "executionSegment"
	sequenceOption = "executionSegmentSequence"
	// runnersOption is how many were merged.
	runnersOption = "runners"
)

// configured is a run's configuration as it was for all runners: nothing is of a
// segment alone.
func configured(run verdict.Run) verdict.Configuration {
	c := run.Configuration.Whole()
	delete(c, segmentOption)
	delete(c, sequenceOption)
	return c
}

// checkSegments refuses runners that are not, together, the whole test and
// nothing twice. Runners without segments are taken for independent ones.
func checkSegments(runners []Runner) error {
	var parts []segment
	for _, r := range runners {
		text := r.Summary.Run.Configuration[segmentOption]
		if text == "" {
			continue
		}
		part, err := parseSegment(text)
		if err != nil {
			return &runnerError{r.Name, err.Error()}
		}
		part.runner = r.Name
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return nil
	}
	if len(parts) < len(runners) {
		return &runnerError{"", "some runners have an execution segment and some have none: merge the runners of one test"}
	}
	slices.SortFunc(parts, func(a, b segment) int { return a.from.Cmp(b.from) })
	end := new(big.Rat)
	for _, part := range parts {
		switch part.from.Cmp(end) {
		case 1:
			return missingSegment(end, part.from)
		case -1:
			return &runnerError{part.runner, fmt.Sprintf("its execution segment begins at %s, and another runner's ends at %s: "+
				"name each runner's summary once", part.from.RatString(), end.RatString())}
		}
		end = part.to
	}
	if whole := big.NewRat(1, 1); end.Cmp(whole) != 0 {
		return missingSegment(end, whole)
	}
	return nil
}

func missingSegment(from, to *big.Rat) error {
	return &runnerError{"", fmt.Sprintf("the summary of execution segment %s:%s is missing: name those of all runners",
		from.RatString(), to.RatString())}
}

// segment is a runner's part of a test, from 0 to 1.
type segment struct {
	from, to *big.Rat
	runner   string
}

// parseSegment reads k6's "0:1/4"; "1/4" alone begins at 0.
func parseSegment(text string) (segment, error) {
	from, to, both := strings.Cut(text, ":")
	if !both {
		from, to = "0", text
	}
	a, okFrom := new(big.Rat).SetString(from)
	b, okTo := new(big.Rat).SetString(to)
	if !okFrom || !okTo || a.Sign() < 0 || a.Cmp(b) >= 0 {
		return segment{}, fmt.Errorf("its executionSegment is %q; use FROM:TO, such as 0:1/4", text)
	}
	return segment{from: a, to: b}, nil
}
