package flowboardtest

import (
	"bytes"
	"regexp"
	"sync"
)

// running is uvicorn's line once it accepts requests; it names the port that the system chose.
var running = regexp.MustCompile(`Uvicorn running on (http://[0-9.:]+)`)

// output keeps what the application prints and says when it is ready.
type output struct {
	ready chan string // gets the base URL, once

	mu    sync.Mutex
	text  bytes.Buffer
	found bool
}

func newOutput() *output { return &output{ready: make(chan string, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	if !o.found {
		o.announce()
	}
	return len(p), nil
}

// announce looks through whole lines only: a line cut in two would give half a port.
func (o *output) announce() {
	text := o.text.Bytes()
	match := running.FindSubmatch(text[:bytes.LastIndexByte(text, '\n')+1])
	if match != nil {
		o.found = true
		o.ready <- string(match[1])
	}
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
