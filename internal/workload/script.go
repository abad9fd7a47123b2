// Package workload reads pgbench's script language and runs it: SQL statements, \set with pgbench's expressions and
// functions, \sleep and \if. What it does not support it refuses with the file and line.
//
// It knows neither k6 nor the pool: a User gives each statement to its caller's Execute.
package workload

import (
	"fmt"
	"time"
)

// script is one file, or one of pgbench's builtin scripts. It is immutable and serves any number of users.
type script struct {
	name     string // as the statements' tags have it: the file's base name if no other script has the same
	weight   int    // share of the runs, as after pgbench's @
	commands []command
	scaled   bool // it uses :scale of pgbench's tables
}

// statements are the script's, in the order of the file.
func (s *script) statements() []*Statement { return statementsOf(s.commands) }

func statementsOf(commands []command) []*Statement {
	var all []*Statement
	for _, c := range commands {
		switch c := c.(type) {
		case *Statement:
			all = append(all, c)
		case *branch:
			for _, arm := range c.arms {
				all = append(all, statementsOf(arm.commands)...)
			}
		}
	}
	return all
}

// Statement is one SQL statement with $1, $2 … in place of its variables.
type Statement struct {
	SQL       string
	Tag       string // script and line, such as "list.sql:3"
	variables []string
	where     position
}

// command is a *Statement, *assignment, *pause or *branch.
type command any

// assignment is \set.
type assignment struct {
	name  string
	value expression
	where position
}

// pause is \sleep.
type pause struct {
	length expression
	unit   time.Duration
	where  position
}

// branch is \if … \elif … \else … \endif.
type branch struct {
	arms  []arm
	where position
}

// arm runs if its condition is true, as that of \else always is.
type arm struct {
	condition expression
	commands  []command
	where     position
}

// position is where in a file something is.
type position struct {
	file string
	line int
}

// Error is a fault in a script: of its text when it is read, or of a value when it runs.
type Error struct {
	where  position
	reason string
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.where.file, e.where.line, e.reason) }

func (p position) errorf(format string, args ...any) error {
	return &Error{p, fmt.Sprintf(format, args...)}
}
