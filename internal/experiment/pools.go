package experiment

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// What reports say of several pools, as an application of several processes has
// them.

// onPools says whose the sizes are; nothing of one pool.
func (s settings) onPools() string {
	if s.pools == 1 {
		return ""
	}
	return fmt.Sprintf("Each step had %d pools of its settings, as an application of %d processes has, and requests were spread over them (%s). "+
		"Sizes and settings are those of one pool; the server has up to %d times as many connections.", s.pools, s.pools, s.balance, s.pools)
}

// forEach follows the name of something that is to be set in each process.
func (s settings) forEach() string {
	if s.pools == 1 {
		return ""
	}
	return fmt.Sprintf(", for each of the %d pools", s.pools)
}

// peakInUse is the title of the largest number in use, of several pools that of the
// fullest one.
func (s settings) peakInUse() string {
	if s.pools == 1 {
		return "Peak in use"
	}
	return "Peak, fullest pool"
}

// ofPools are the peaks of all pools together and their imbalance; nothing of one
// pool.
func (s settings) ofPools(together, imbalance string) []line {
	if s.pools == 1 {
		return nil
	}
	return []line{
		{together, ofPool(func(p *PoolMeasurement) float64 { return p.Peaks }), text.Number, false, most},
		{imbalance, ofPool(func(p *PoolMeasurement) float64 { return p.Imbalance }), text.Ratio.Format, false, average},
	}
}
