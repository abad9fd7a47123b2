package command

import (
	"errors"
	"fmt"

	"go.k6.io/k6/v2/cmd/state"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// environment finds the variables that a subcommand reads, in the process and
// in .env; nil leaves the choice to who looks them up.
func environment(gs *state.GlobalState, variables map[string]bool) (config.Lookup, error) {
	dir, err := gs.Getwd()
	if err != nil {
		return nil, fmt.Errorf("finding the working directory: %w", err)
	}
	process := func(name string) (string, bool) {
		value, ok := gs.Env[name]
		return value, ok
	}
	lookup, err := config.Environment(nil, process, dir)
	if err != nil {
		return nil, err
	}
	return func(name string) (string, bool) {
		if variables != nil && !variables[name] {
			return "", false
		}
		return lookup(name)
	}, nil
}

// namingFlag puts the flag into an error about the option that it gave.
// options are pool's options by flag.
func namingFlag(err error, options map[string]string) error {
	var refused *pool.ConfigError
	if !errors.As(err, &refused) || refused.Source != config.SourceOption {
		return err
	}
	for flag, option := range options {
		if option == refused.Option {
			named := *refused
			named.Option, named.Source = "", "--"+flag
			return &named
		}
	}
	return err
}
