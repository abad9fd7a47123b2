package config

// How requests are spread over several pools (BALANCE).
const (
	BalanceRandom     = "random"
	BalanceRoundRobin = "round-robin"
	BalanceLeast      = "least"

	// MostPools is how many pools POOLS may ask for.
	MostPools = 1000
)

// Balances are all of them, the default first.
var Balances = []string{BalanceRandom, BalanceRoundRobin, BalanceLeast}
