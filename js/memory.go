package js

import (
	"os"

	"github.com/grafana/sobek"
	"github.com/shirou/gopsutil/v4/process"
)

// processMemory gives the resident memory of the k6 process, which the pools
// are part of, in bytes.
func (i *instance) processMemory(sobek.FunctionCall) sobek.Value {
	self, err := process.NewProcess(int32(os.Getpid())) // #nosec G115 -- process ids are small
	if err != nil {
		i.throw(misuse("processMemory(): %w", err))
	}
	memory, err := self.MemoryInfo()
	if err != nil {
		i.throw(misuse("processMemory(): %w", err))
	}
	return i.rt.ToValue(memory.RSS)
}
