package workload

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Workload is a mix of scripts.
type Workload struct {
	scripts []*script
	total   int // of the weights
}

const (
	builtinPrefix = "builtin:"
	largestWeight = 1_000_000
)

// Load reads the scripts of a specification such as "list.sql@8,update.sql@2" or "builtin:select-only". read gives a
// file's content. The error names what is wrong, with file and line where there is one.
func Load(specification string, read func(path string) ([]byte, error)) (*Workload, error) {
	w := &Workload{}
	parts := strings.Split(specification, ",")
	names := scriptNames(parts)
	for i, part := range parts {
		place, weight, err := splitWeight(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		text, err := scriptText(place, read)
		if err != nil {
			return nil, err
		}
		script, err := parse(names[i], text, weight)
		if err != nil {
			return nil, err
		}
		w.total += weight
		w.scripts = append(w.scripts, script)
	}
	if w.total == 0 {
		return nil, fmt.Errorf("WORKLOAD is %q: every weight is 0", specification)
	}
	return w, nil
}

// splitWeight takes the weight from the end of file@weight; without one it is 1.
func splitWeight(part string) (place string, weight int, err error) {
	place, text, found := cutLast(part, "@")
	if !found {
		weight = 1
	} else if weight, err = strconv.Atoi(text); err != nil || weight < 0 || weight > largestWeight {
		return "", 0, fmt.Errorf("WORKLOAD has %q: accepted after @ is a weight from 0 to %d", short(part), largestWeight)
	}
	if place == "" {
		return "", 0, errors.New("WORKLOAD has an empty entry; accepted: files with weights, such as list.sql@8,update.sql@2, or builtin:select-only")
	}
	return place, weight, nil
}

func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}

func scriptText(place string, read func(path string) ([]byte, error)) (string, error) {
	if name, ok := strings.CutPrefix(place, builtinPrefix); ok {
		text, known := builtins[name]
		if !known {
			return "", fmt.Errorf("WORKLOAD has %s: accepted: %s%s", short(place), builtinPrefix,
				strings.Join(slices.Sorted(maps.Keys(builtins)), ", "+builtinPrefix))
		}
		return text, nil
	}
	content, err := read(place)
	if err != nil {
		return "", fmt.Errorf("WORKLOAD: %w", err)
	}
	return string(content), nil
}

// scriptNames gives each script its file's base name, or the whole path if two have the same.
func scriptNames(parts []string) []string {
	places, base := make([]string, len(parts)), make(map[string]int)
	for i, part := range parts {
		places[i], _, _ = cutLast(strings.TrimSpace(part), "@")
		base[path.Base(strings.ReplaceAll(places[i], `\`, "/"))]++
	}
	for i, place := range places {
		if name := path.Base(strings.ReplaceAll(place, `\`, "/")); base[name] == 1 {
			places[i] = name
		}
	}
	return places
}

// Scaled tells whether a script uses :scale: the number of rows in pgbench_branches.
func (w *Workload) Scaled() bool {
	return slices.ContainsFunc(w.scripts, func(s *script) bool { return s.scaled })
}

// Tags are those of all statements, in the order of the scripts.
func (w *Workload) Tags() []string {
	var all []string
	for _, s := range w.scripts {
		for _, st := range s.statements() {
			all = append(all, st.Tag)
		}
	}
	return all
}

// User is one user, who runs scripts. It is not for several goroutines.
type User struct {
	workload    *Workload
	environment environment
	client      int64
	seed        int64
}

// Executor does what a script asks for. An error ends the script's run.
type Executor interface {
	Execute(st *Statement, arguments []any) error
	Sleep(d time.Duration) error
}

// NewUser makes a user of the workload. client is the value of :client_id.
func (w *Workload) NewUser(client int64) *User {
	seed := rand.Uint64() //nolint:gosec // a load is no secret
	return &User{
		workload: w, client: client, seed: int64(seed >> 1),
		environment: environment{
			variables: make(map[string]value),
			random:    rand.New(rand.NewPCG(seed, uint64(client))), //nolint:gosec // likewise
		},
	}
}

// Run runs one script, chosen by the weights.
func (u *User) Run(scale int64, do Executor) error {
	variables := u.environment.variables
	clear(variables)
	variables["client_id"] = u.client
	variables["scale"] = scale
	variables["random_seed"], variables["default_seed"] = u.seed, u.seed
	return u.commands(u.pick().commands, do)
}

func (u *User) pick() *script {
	n := u.environment.random.IntN(u.workload.total)
	for _, s := range u.workload.scripts {
		if n -= s.weight; n < 0 {
			return s
		}
	}
	panic("the weights do not add up")
}

func (u *User) commands(all []command, do Executor) error {
	for _, c := range all {
		if err := u.command(c, do); err != nil {
			return err
		}
	}
	return nil
}

func (u *User) command(c command, do Executor) error {
	switch c := c.(type) {
	case *Statement:
		arguments, err := u.arguments(c)
		if err != nil {
			return err
		}
		return do.Execute(c, arguments)
	case *assignment:
		v, err := c.value(&u.environment)
		if err != nil {
			return c.where.errorf(`\set %s: %s`, c.name, err)
		}
		u.environment.variables[c.name] = v
	case *pause:
		n, err := u.integer(c.length, c.unit)
		if err != nil {
			return c.where.errorf(`\sleep: %s`, err)
		}
		return do.Sleep(time.Duration(n) * c.unit)
	case *branch:
		return u.branch(c, do)
	}
	return nil
}

func (u *User) arguments(st *Statement) ([]any, error) {
	if len(st.variables) == 0 {
		return nil, nil
	}
	all := make([]any, len(st.variables))
	for i, name := range st.variables {
		v, err := u.environment.variable(name)
		if err != nil {
			return nil, st.where.errorf("%s", err)
		}
		all[i] = argument(v)
	}
	return all, nil
}

// integer is an expression's value where a number of units of time is needed; more than a day is taken for a mistake.
func (u *User) integer(of expression, unit time.Duration) (int64, error) {
	v, err := of(&u.environment)
	if err != nil {
		return 0, err
	}
	n, err := toInt(v)
	if err == nil && (n < 0 || n > int64(24*time.Hour/unit)) {
		err = fmt.Errorf("%d is not a length of time from 0 to a day", n)
	}
	return n, err
}

func (u *User) branch(b *branch, do Executor) error {
	for _, a := range b.arms {
		v, err := a.condition(&u.environment)
		if err != nil {
			return a.where.errorf(`\if: %s`, err)
		}
		if truth(v) {
			return u.commands(a.commands, do)
		}
	}
	return nil
}
