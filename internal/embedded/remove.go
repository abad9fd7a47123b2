package embedded

import (
	"os"
	"time"
)

// removeAll tries again for a while: children of a killed server may still be writing.
func removeAll(dir string) error {
	const tries, pause = 50, 100 * time.Millisecond
	var err error
	for range tries {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(pause)
	}
	return err
}
