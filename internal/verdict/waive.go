package verdict

import (
	"fmt"
	"slices"
	"strings"
)

// WaiveError is a waiver that names no criterion.
type WaiveError struct {
	Name     string
	Accepted []string
}

func (e *WaiveError) Error() string {
	return fmt.Sprintf("WAIVE names %q, which is no criterion: accepted are %s",
		e.Name, strings.Join(e.Accepted, ", "))
}

// checkWaivers reports the first waiver that names no criterion.
func checkWaivers(criteria []Criterion, waived []string) error {
	names := make([]string, len(criteria))
	for i, c := range criteria {
		names[i] = c.Name
	}
	for _, name := range waived {
		if !slices.Contains(names, name) {
			return &WaiveError{Name: name, Accepted: names}
		}
	}
	return nil
}
