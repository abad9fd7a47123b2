package module

import (
	"fmt"

	"github.com/grafana/sobek"
)

// scriptLine captures where in the script the running call was made, to be put
// into words only if somebody asks.
func (i *instance) scriptLine(pool string) func() string {
	frames := i.rt.CaptureCallStack(8, nil)
	return func() string { return fmt.Sprintf("%s (pool %q)", describeFrames(frames), pool) }
}

func describeFrames(frames []sobek.StackFrame) string {
	for n := range frames {
		p := frames[n].Position()
		if p.Line > 0 {
			return fmt.Sprintf("%s:%d:%d", frames[n].SrcName(), p.Line, p.Column)
		}
	}
	return "an unknown line"
}
