// Package compare tells whether a run is better or worse than an earlier one:
// two results/summary.json, figure by figure, with what a history of runs says
// about the noise.
//
// A change counts when it is larger than the tolerance, which is the smallest
// change that matters to the user, and larger than the noise, which is what the
// same configuration does on the same machine without any change. A figure that
// cannot be compared is unknown, never same.
//
// It knows neither k6 nor its JavaScript.
package compare
