package pool_test

import (
	"flag"
	"os"
	"testing"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// What runs side by side waits for limits to pass, not for a processor. A fuzzer
	// would start as many processes, which end each other's time.
	if flag.Lookup("test.fuzz").Value.String() == "" {
		if err := flag.Set("test.parallel", "16"); err != nil {
			println(err.Error())
			os.Exit(1)
		}
	}
	pgtest.Main(m)
}
