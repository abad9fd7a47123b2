package flowboardtest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const debianPackages = "python3-fastapi python3-sqlalchemy python3-asyncpg uvicorn"

// python is Debian's interpreter, whose packages the application needs, or the one that FLOWBOARD_PYTHON names.
// A python3 further up in PATH may be another one, without them.
func python() string {
	if given := os.Getenv("FLOWBOARD_PYTHON"); given != "" {
		return given
	}
	return "/usr/bin/python3"
}

// RequirePackages skips the test where the application's Python packages are missing, and fails it in CI
// (CI=true), where they have to be installed.
func RequirePackages(t testing.TB) {
	t.Helper()
	out, err := exec.Command(python(), "-c", "import asyncpg, fastapi, greenlet, sqlalchemy, uvicorn").CombinedOutput() // #nosec G204 -- the tester names the interpreter
	if err == nil {
		return
	}
	message := fmt.Sprintf("%s cannot run the FastAPI application (%s); install Debian's %s",
		python(), reason(out, err), debianPackages)
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
