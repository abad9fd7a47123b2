// Package pgxpool registers the k6 module k6/x/pgxpool, a PostgreSQL
// connection pool with SQLAlchemy's behaviour, its metrics and its verdict, and
// the command `k6 x pgxpool`.
package pgxpool

import (
	"go.k6.io/k6/v2/js/modules"
	"go.k6.io/k6/v2/subcommand"

	"github.com/flowboard/xk6-pgxpool/internal/command"
	"github.com/flowboard/xk6-pgxpool/internal/module"
)

func init() {
	modules.Register("k6/x/pgxpool", module.New())
	subcommand.RegisterExtension("pgxpool", command.New)
}
