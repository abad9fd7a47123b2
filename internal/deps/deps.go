//go:build deps

package deps

import (
	_ "github.com/DataDog/sketches-go/ddsketch"
	_ "github.com/Shopify/toxiproxy/v2"
	_ "github.com/fergusstrange/embedded-postgres"
	_ "github.com/joho/godotenv"
	_ "github.com/prometheus/procfs"
	_ "github.com/shirou/gopsutil/v4/process"
	_ "github.com/stretchr/testify/require"
	_ "go.uber.org/goleak"
	_ "golang.org/x/term"
	_ "gonum.org/v1/gonum/optimize"
	_ "github.com/fatih/color"
	_ "github.com/spf13/cobra"
	_ "github.com/grafana/sobek"
	_ "github.com/jackc/pgx/v5/pgxpool"
)
