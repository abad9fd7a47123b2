// Package sizing answers, from a few numbers, how large a connection pool has
// to be and whether the database can carry it.
//
// The queueing models see a pool as m servers and a checkout as a customer:
//
//   - [Little] ties throughput, time and concurrency together; it assumes
//     nothing but steady state.
//   - [OpenLoop] takes requests that arrive at a given rate whatever happens
//     (M/M/m).
//   - [ClosedLoop] takes a fixed number of users, each waiting for the answer
//     before thinking about the next request (M/M/m//N), spread over one or
//     more pools and giving up after the pool timeout. This is the model of a
//     k6 run and of most people.
//
// All but the first assume exponentially distributed hold and
// think times and first come, first served. Hold times that vary less (a
// constant query) wait less than predicted, hold times that vary more (a rare
// report among short look-ups) wait longer. A pool is taken as warm: the time
// to open a connection is not part of any model.
//
// [FitScalability] fits the Universal Scalability Law to measured throughput,
// and [Budget] counts connections against what the server allows.
//
// Durations are means unless said otherwise, rates are per second.
package sizing
