package embedded

import (
	"fmt"
	"time"
)

// progressInterval is how long a user may be left without a word.
const progressInterval = 2 * time.Second

// during runs a step and tells the user every progressInterval that it is still at it.
func during(notify func(string), what string, step func() error) error {
	done := make(chan error, 1)
	go func() { done <- step() }()
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	began := time.Now()
	for {
		select {
		case err := <-done:
			return err
		case <-ticker.C:
			notify(fmt.Sprintf("temporary PostgreSQL: %s, %d s so far", what, int(time.Since(began).Seconds())))
		}
	}
}
