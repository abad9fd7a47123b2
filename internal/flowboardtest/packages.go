package flowboardtest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const debianPackages = "python3-fastapi python3-sqlalchemy python3-asyncpg uvicorn python3-psycopg2"

// Python is Debian's interpreter, whose packages the application needs, or the one that FLOWBOARD_PYTHON names.
// A python3 further up in PATH may be another one, without them.
func Python() string {
	if given := os.Getenv("FLOWBOARD_PYTHON"); given != "" {
		return given
	}
	return "/usr/bin/python3"
}

// RequirePackages skips the test where the application's Python packages are missing, and fails it in CI
// (CI=true), where they have to be installed;
// further are modules that a test needs beside the application's.
func RequirePackages(t testing.TB, further ...string) {
	t.Helper()
	modules := append([]string{"asyncpg", "fastapi", "greenlet", "sqlalchemy", "uvicorn"}, further...)
	out, err := exec.Command(Python(), "-c", "import "+strings.Join(modules, ", ")).CombinedOutput() // #nosec G204 -- the tester names the interpreter
	if err == nil {
		return
	}
	message := fmt.Sprintf("%s cannot run the FastAPI application (%s); install Debian's %s",
		Python(), reason(out, err), debianPackages)
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
}

// reason is the last line of Python's traceback, or why Python did not start.
func reason(out []byte, err error) string {
	text := strings.TrimSpace(string(out))
	if text == "" {
		return err.Error()
	}
	return text[strings.LastIndexByte(text, '\n')+1:]
}
