package verdict

// FromScript builds the input of [Evaluate] from what a script hands to
// pgxpool.verdict(data, options): k6's end-of-test data and the options
//
//	criteria    array of rows (thresholds/criteria.js)
//	gate        "pass" or "fail"
//	waive       array of criteria's names
//	run         {script, users, target, configuration}
//	notes       array of strings
//
// The caller adds what only it knows: Unmeasured, Missing, further Notes, and
// the rest of Run (Configuration, Versions, Cores, Started).
func FromScript(data, options any) (Input, error) { return Input{}, nil }
