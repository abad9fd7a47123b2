package sizing

import "time"

// Little gives the mean number of requests in a system that takes rate
// requests per second and keeps each for residence on average: L = λW. With
// the hold time as residence it is the mean number of busy connections, with
// the wait for a connection it is the mean number waiting. It holds for any
// distribution and any order of service.
//
// Source: J. D. C. Little, "A Proof for the Queuing Formula: L = λW",
// Operations Research 9 (1961), pp. 383–387.
func Little(rate float64, residence time.Duration) (float64, error) {
	if err := checkPositive("rate", rate); err != nil {
		return 0, err
	}
	if residence < 0 {
		return 0, &InputError{"residence time", residence, "0 or more"}
	}
	return rate * residence.Seconds(), nil
}

// RequestsPerConnection is the rule of thumb that divides concurrent requests
// by the requests one connection is thought to carry, rounded up: 100 requests
// at 5 per connection are 20 connections. It knows neither how long a request
// holds its connection, nor how long users think, nor how many pools share the
// load, nor which wait is acceptable; the models of this package do.
func RequestsPerConnection(requests, perConnection int) (int, error) {
	err := firstError(
		checkCount("requests", requests, 1, MaxUsers),
		checkCount("requests per connection", perConnection, 1, MaxUsers),
	)
	if err != nil {
		return 0, err
	}
	return (requests + perConnection - 1) / perConnection, nil
}
