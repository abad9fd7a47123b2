//go:build !race

package k6test

const raceEnabled = false
