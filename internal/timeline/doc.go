// Package timeline records what happened when during a run: levels, waits,
// statements, requests and errors, in a bounded number of windows of time.
//
// The report draws it, the diagnosis reads it, and its distributions can be
// merged with those of other runners. It knows neither k6 nor PostgreSQL. Times
// that are measured are in milliseconds, as everywhere in the metrics.
package timeline
