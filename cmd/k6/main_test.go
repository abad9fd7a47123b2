//go:build unix

package main_test

import (
	"os"
	"testing"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(applicationVariable); address != "" {
		serveApplication(address)
	}
	k6test.SideBySide()
	pgtest.Main(m)
}
