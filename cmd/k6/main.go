// Command k6 is k6 with this extension compiled in: the program that
// `xk6 build --with github.com/flowboard/xk6-pgxpool=.` generates.
package main

import (
	"go.k6.io/k6/v2/cmd"

	_ "github.com/flowboard/xk6-pgxpool"
)

func main() {
	cmd.Execute()
}
