// Command k6memory is k6 with the extension and with a module that tells how
// much the process has allocated, for the counts of the comparison.
package main

import (
	"runtime"

	"go.k6.io/k6/v2/cmd"
	"go.k6.io/k6/v2/js/modules"

	_ "github.com/flowboard/xk6-pgxpool"
)

func init() {
	modules.Register("k6/x/benchmemory", memory{})
}

func main() {
	cmd.Execute()
}

type memory struct{}

// Allocated gives the number of allocations since the process started, and
// their bytes.
func (memory) Allocated() map[string]float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return map[string]float64{"allocations": float64(m.Mallocs), "bytes": float64(m.TotalAlloc)}
}
