package experiment

import (
	"time"
)

// expected is how many steps there are and how long they take: settling and
// measuring, and beside that what the same steps took before, or what is foreseen
// of them by as much as the steps before were foreseen wrongly.
func (s settings) expected(steps []Step, done []Measurement) (n int, left time.Duration) {
	var measured, foreseen time.Duration
	same := map[string][]time.Duration{}
	for _, m := range done {
		if beside := m.beside(); beside > 0 {
			measured, foreseen = measured+beside, foreseen+s.besideOf(m.Step)
			same[m.Step.Label] = append(same[m.Step.Label], beside)
		}
	}
	wrong := 1.0
	if measured > 0 {
		wrong = float64(measured) / float64(foreseen)
	}
	for _, step := range steps {
		left += step.Settle + step.Duration
		if before := same[step.Label]; len(before) > 0 {
			left += mean(before)
		} else {
			left += time.Duration(wrong * float64(s.besideOf(step)))
		}
	}
	return len(steps), left
}

// beside is what a step took beside settling and measuring: opening its pool,
// waiting for the last requests, closing it. 0 where it is not known.
func (m Measurement) beside() time.Duration {
	if m.Took == 0 {
		return 0
	}
	return max(time.Millisecond, toDuration(m.Took)-m.Step.Settle-m.Step.Duration)
}

// besideOf foresees it. When the last turn has been handed out, all users who do
// not think hold a connection or wait for one: served in turn, they are gone after
// as many holds as there are users for each connection.
func (s settings) besideOf(step Step) time.Duration {
	const (
		opening = 300 * time.Millisecond
		longest = 3 // holds: of many exponential ones the last ends about then
	)
	connections := s.pool.connections()
	if size, ok := step.Options["poolSize"].(int); ok {
		connections = size
		if overflow, ok := step.Options["maxOverflow"].(int); ok {
			connections += overflow
		}
	}
	places, users := float64(min(connections, step.Load.Users)), float64(step.Load.Users)
	thinking := 0.0
	if s.hold > 0 {
		thinking = min(users-places, places*s.think.Seconds()/s.hold.Seconds()) // a full pool serves places/hold
	}
	rounds := max(longest, (users-thinking)/places)
	if step.Load.Rate > 0 {
		rounds = longest
	}
	return opening + time.Duration(rounds*float64(s.hold))
}

func mean(all []time.Duration) time.Duration {
	var sum time.Duration
	for _, d := range all {
		sum += d
	}
	return sum / time.Duration(len(all))
}
