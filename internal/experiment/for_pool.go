package experiment

import (
	"maps"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// ForPool gives a script's options completed by what the pool is configured to
// be where neither they nor a step say otherwise, for the plans that take it.
// What a plan is made of is then also what [File.Resume] compares.
func ForPool(options map[string]any, config pool.Config) map[string]any {
	completed := maps.Clone(options)
	if options["http"] == true {
		return completed
	}
	fill := func(name string, value any) {
		if completed[name] == nil {
			completed[name] = value
		}
	}
	switch options["plan"] {
	case planCapacity:
		fill("poolSize", config.PoolSize)
		fill("maxOverflow", config.MaxOverflow)
		fill("poolTimeout", config.PoolTimeout.String())
	case planTune:
		fill("poolTimeout", config.PoolTimeout.String())
		fill("poolRecycle", recycleValue(config.PoolRecycle))
		fill("poolPrePing", config.PoolPrePing)
	}
	return completed
}
