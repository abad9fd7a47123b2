//go:build unix

package troublestest

import (
	"testing"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
