package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// watched runs a process and samples its resident size.
type watched struct {
	output []byte
	sizes  []float64 // MiB, one per interval
}

func watch(ctx context.Context, cmd *exec.Cmd, every time.Duration, also func()) (watched, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return watched{}, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	p, err := process.NewProcessWithContext(ctx, int32(cmd.Process.Pid)) // #nosec G115 -- process ids are small
	if err != nil {
		return watched{}, fmt.Errorf("watching %s: %w", cmd.Path, err)
	}
	var w watched
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if m, err := p.MemoryInfoWithContext(ctx); err == nil {
				w.sizes = append(w.sizes, float64(m.RSS)/(1<<20))
			}
			also()
		case err := <-ended:
			w.output = stdout.Bytes()
			if err != nil {
				return w, fmt.Errorf("%s: %w: %s%s", cmd.Path, err, stdout.String(), stderr.String())
			}
			return w, nil
		}
	}
}
