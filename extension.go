// Package pgxpool registers the k6 module k6/x/pgxpool, a PostgreSQL
// connection pool with SQLAlchemy's behavior, its metrics and its verdict, and
// the command `k6 x pgxpool`.
package pgxpool

import (
	"embed"

	"go.k6.io/k6/v2/js/modules"
	"go.k6.io/k6/v2/subcommand"

	"github.com/flowboard/xk6-pgxpool/internal/command"
	"github.com/flowboard/xk6-pgxpool/internal/module"
)

// files are what `k6 x pgxpool init` writes. The module reads the criteria there.
//
//go:embed scripts thresholds index.d.ts .dashboard.json deploy/init .github/workflows/nightly.yml
var files embed.FS

func init() {
	modules.Register("k6/x/pgxpool", module.New(files))
	subcommand.RegisterExtension("pgxpool", command.New(files))
}
