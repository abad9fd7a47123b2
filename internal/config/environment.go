package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/joho/godotenv"

	"github.com/flowboard/xk6-pgxpool/internal/outside"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// Lookup finds the value of an environment variable.
type Lookup func(name string) (value string, ok bool)

// Environment finds variables in the order of their precedence: those of the
// script (k6's -e), those of the process, and those of the file .env in dir,
// read once, now. A variable that is empty is not set: the next source is
// asked. The script's map is not copied and must not change; process may be
// nil; dir "" means no file.
//
// A missing file is no error. One that cannot be read, or is not what godotenv
// understands, is a *pool.ConfigError that names the file and the line.
func Environment(script map[string]string, process Lookup, dir string) (Lookup, error) {
	file, err := DotEnv(dir)
	if err != nil {
		return nil, err
	}
	return func(name string) (string, bool) {
		value := script[name]
		if value == "" && process != nil {
			value, _ = process(name)
		}
		value = cmp.Or(value, file[name])
		return value, value != ""
	}, nil
}

// dotEnvSize is the largest .env that is read, in bytes.
const dotEnvSize = 64 << 10

// DotEnv is what the file .env in dir says, nothing where there is no such file.
func DotEnv(dir string) (map[string]string, error) {
	if dir == "" {
		return nil, nil
	}
	path := filepath.Join(dir, ".env")
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() { // Python keeps virtual environments under this name
		return nil, nil
	}
	content, err := outside.ReadFile(path, dotEnvSize)
	if err != nil {
		return nil, &pool.ConfigError{Source: path, Reason: outside.Reason(err), Accepted: "a file of lines of the form NAME=value, or remove it"}
	}
	values, err := godotenv.UnmarshalBytes(content)
	if err != nil {
		// godotenv's error repeats the line, which may hold a password.
		return nil, &pool.ConfigError{
			Source:   path,
			Reason:   fmt.Sprintf("line %d cannot be read", brokenLine(content)),
			Accepted: `lines of the form NAME=value, NAME='value' or NAME="value"`,
		}
	}
	return values, nil
}

// brokenLine is the line, from 1, on which the statement begins that godotenv
// cannot read. godotenv does not say, so it is given the lines one by one, and
// those of a value over several lines together.
func brokenLine(content []byte) int {
	start, line, broken := 0, 1, 1
	for i, c := range content {
		if c != '\n' {
			continue
		}
		line++
		if _, err := godotenv.UnmarshalBytes(content[start : i+1]); err == nil {
			start, broken = i+1, line
		}
	}
	return broken
}
