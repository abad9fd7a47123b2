package experiment

// tried is one load with the steps that measured it.
type tried struct {
	load   float64
	steps  []Measurement
	judged []judgement
}

// read sorts measurements by load, in the order in which the loads came up.
func (p *capacity) read(done []Measurement) []tried {
	var all []tried
	for _, m := range done {
		load := p.of(m.Step)
		if n := len(all); n == 0 || all[n-1].load != load {
			all = append(all, tried{load: load})
		}
		last := &all[len(all)-1]
		// The criteria were judged once when the plan was made: they are sound.
		j, err := p.judge(m)
		if err != nil {
			panic("experiment: " + err.Error())
		}
		last.steps, last.judged = append(last.steps, m), append(last.judged, j)
	}
	return all
}

// carried is how many rounds met the criteria.
func (t tried) carried() int {
	n := 0
	for _, j := range t.judged {
		if j.carried() {
			n++
		}
	}
	return n
}

// decided tells whether most of so many rounds agree, whatever the rest.
func (t tried) decided(rounds int) bool {
	most := rounds/2 + 1
	return t.met(rounds) || len(t.judged)-t.carried() >= most || len(t.judged) >= rounds
}

// met tells whether most of so many rounds met the criteria.
func (t tried) met(rounds int) bool { return t.carried() >= rounds/2+1 }

// broke is the first judgement that did not meet the criteria.
func (t tried) broke() judgement {
	for _, j := range t.judged {
		if !j.carried() {
			return j
		}
	}
	return judgement{}
}

// bracket is what the decided loads say.
func (p *capacity) bracket(all []tried) bracket {
	var b bracket
	for _, t := range all {
		switch {
		case !t.decided(p.rounds):
		case t.met(p.rounds):
			b.carried = max(b.carried, t.load)
		case b.broke == 0 || t.load < b.broke:
			b.broke = t.load
		}
	}
	return b
}

// at finds the load among those tried.
func at(all []tried, load float64) (tried, bool) {
	for _, t := range all {
		if t.load == load {
			return t, true
		}
	}
	return tried{}, false
}
