package verdict

import (
	"maps"
	"strconv"
	"strings"
)

// Configuration is what a run was configured with, as text: the options of the pool
// "default" by their names, those of another pool behind its name and a dot, and the
// settings of the scenario and the server. Of an application's pool only the size is
// known.
type Configuration map[string]string

// DefaultPool is the pool whose options need no name before them.
const DefaultPool = "default"

// perRunner are this runner's own sizes by the options that have those for all runners
// of a test.
var perRunner = map[string]string{"configuredPoolSize": "poolSize", "configuredMaxOverflow": "maxOverflow"}

// SetPool sets options of a pool.
func (c Configuration) SetPool(pool string, options map[string]string) {
	for name, value := range options {
		c[prefixOf(pool)+name] = value
	}
}

func prefixOf(pool string) string {
	if pool == DefaultPool {
		return ""
	}
	return pool + "."
}

// prefix is that of the pool's options, or where its size is not known the default pool's.
func (c Configuration) prefix(pool string) string {
	if _, known := number(c[prefixOf(pool)+"poolSize"]); known {
		return prefixOf(pool)
	}
	return ""
}

// Sizes are poolSize and maxOverflow of a pool, else of the default one, where both are known.
func (c Configuration) Sizes(pool string) (size, overflow int, known bool) {
	prefix := c.prefix(pool)
	size, sizeKnown := number(c[prefix+"poolSize"])
	overflow, overflowKnown := number(c[prefix+"maxOverflow"])
	if !sizeKnown || !overflowKnown {
		return 0, 0, false
	}
	return size, overflow, true
}

// named is how many pools with a name of their own it has.
func (c Configuration) named() int {
	pools := 0
	for name := range c {
		if strings.HasSuffix(name, ".poolSize") {
			pools++
		}
	}
	return pools
}

// number reads an integer as a program writes it: 020 may be a setting of another meaning.
func number(text string) (n int, ok bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && strconv.Itoa(n) == text
}

func (c Configuration) prePing(pool string) bool { return c[c.prefix(pool)+"poolPrePing"] == "true" }

// Whole is a copy that has the sizes which were configured for all runners in place of
// this runner's own.
func (c Configuration) Whole() Configuration {
	whole := maps.Collect(maps.All(c)) // never nil
	for name, value := range c {
		for configured, own := range perRunner {
			if prefix, ok := strings.CutSuffix(name, configured); ok && (prefix == "" || strings.HasSuffix(prefix, ".")) {
				delete(whole, name)
				whole[prefix+own] = value
			}
		}
	}
	return whole
}
