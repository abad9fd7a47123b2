package compare

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// longer is how much longer than another a run may have been. A run that was
// cut short has seen less of what grows: caches, tables, connections in use.
const longer = 1.5

// difference says why two runs cannot be compared, in one phrase that ends
// a sentence such as "the baseline has …"; empty where they can.
func difference(run, result verdict.Summary) string {
	a, b := run.Run, result.Run
	switch {
	case run.ConfigurationHash != result.ConfigurationHash:
		return "another configuration" + whatDiffers(a, b)
	case a.Cores != b.Cores:
		return fmt.Sprintf("another machine (%d cores, the result %d)", a.Cores, b.Cores)
	case a.Platform != b.Platform:
		return fmt.Sprintf("another machine (%s, the result %s)", a.Platform, b.Platform)
	case a.Duration > longer*b.Duration, b.Duration > longer*a.Duration:
		return fmt.Sprintf("another duration (%.0f s, the result %.0f s)", a.Duration, b.Duration)
	default:
		return ""
	}
}

// whatDiffers names the first thing that makes two configurations different.
// A target may hold a password and is not shown.
func whatDiffers(a, b verdict.Run) string {
	switch {
	case a.Script != b.Script:
		return fmt.Sprintf(" (script %s, the result %s)", a.Script, b.Script)
	case a.Users != b.Users:
		return fmt.Sprintf(" (%d users, the result %d)", a.Users, b.Users)
	case a.Target != b.Target:
		return " (target)"
	}
	for _, name := range keys(a.Configuration, b.Configuration) {
		if x, y := a.Configuration[name], b.Configuration[name]; x != y {
			return fmt.Sprintf(" (%s %s, the result %s)", name, orNone(x), orNone(y))
		}
	}
	return ""
}

// changedVersions are notes on what has changed besides the figures.
func changedVersions(a, b verdict.Run) []string {
	var notes []string
	for _, name := range keys(a.Versions, b.Versions) {
		if x, y := a.Versions[name], b.Versions[name]; x != y {
			notes = append(notes, fmt.Sprintf("%s: %s in the baseline, %s in the result.", name, orNone(x), orNone(y)))
		}
	}
	return notes
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
