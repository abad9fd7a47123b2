//go:build unix

package embedded_test

import (
	"os"
	"testing"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(own(role))
	}
	pgtest.Main(m)
}
