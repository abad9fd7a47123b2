// Command xk6sql is k6 with xk6-sql and lib/pq, for the comparison. It is a
// module of its own: the extension has no need of either.
package main

import (
	_ "github.com/grafana/xk6-sql"
	"github.com/grafana/xk6-sql/sql"
	_ "github.com/lib/pq"
	"go.k6.io/k6/cmd"
)

func init() {
	sql.RegisterModule("postgres")
}

func main() {
	cmd.Execute()
}
