package conductor

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/results"
)

// resume reads the results to resume from, where there are any.
func (c *Conductor) resume(name string) error {
	if name == "" {
		return nil
	}
	file, err := experiment.ReadFile(name)
	if err != nil {
		return fmt.Errorf("resume %q: %w", name, err)
	}
	done, err := file.Resume(c.plan, c.plan.Name(), c.identity)
	if err != nil {
		return fmt.Errorf("resume %q: %w", name, err)
	}
	c.done, c.before, c.asked, c.resumed = done, len(done), file.Server, true
	return nil
}

// save writes what has been measured: nothing that ends the process takes it
// away. The file is whole at every moment.
func (c *Conductor) save() error {
	file, err := experiment.NewFile(c.plan.Name(), c.identity, c.asked, c.measured())
	if err != nil {
		return err
	}
	text, err := file.JSON()
	if err != nil {
		return err
	}
	return results.Write(results.Folder(c.lookup), results.File{Name: c.plan.Name() + ".json", Content: text})
}
