// Package experiment plans runs of many steps and reads results out of them:
// the same load before and after a change of settings, the load that a
// configuration carries, the smallest pool that is as good as the largest.
//
// A [Plan] says which [Step] comes next, given what the steps so far measured,
// and nothing else: whoever runs the steps (k6's users) hands back a
// [Measurement] of each. A plan draws the same conclusions from the same
// measurements, so that a run that was interrupted goes on where it was.
//
// The package knows neither k6 nor PostgreSQL. Times in figures are in
// milliseconds, as everywhere in the metrics.
package experiment
