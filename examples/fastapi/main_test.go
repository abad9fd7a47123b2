//go:build unix

package fastapi_test

import (
	"testing"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestMain(m *testing.M) {
	k6test.SideBySide()
	pgtest.Main(m)
}
