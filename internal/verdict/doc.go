// Package verdict judges a finished load test by criteria that are data, and
// renders the judgment for a terminal, a file and a pipeline.
//
// Beside the judgment it names the troubles that the values show, from one
// table of rules, with the evidence and the runbook's remedy.
//
// It knows neither k6 nor its JavaScript: metrics come in as names and values
// (see [FromScript]), and a criterion's conditions are written in the
// language of k6's thresholds, so that one row of data feeds both this
// evaluator and k6's own. [Evaluate] is written to come to the same answer as
// k6 does on the thresholds made from the same rows, because k6 alone decides
// the exit code.
package verdict
