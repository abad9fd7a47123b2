package command

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/sizing"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// limitsTimeout is how long connecting and reading may take together.
const limitsTimeout = 15 * time.Second

// server finds the server's limits and says where they are from. --max-connections
// makes the server unnecessary unless --url asks for it.
func (f *planFlags) server(ctx context.Context, config pool.Config) (sizing.Server, string, error) {
	limits := sizing.Server{
		MaxConnections:    f.maxConnections,
		SuperuserReserved: defaultSuperuserReserved,
		RoleLimit:         sizing.NoLimit,
		DatabaseLimit:     sizing.NoLimit,
	}
	source := "PostgreSQL's defaults; --url reads the server's"
	if f.changed("max-connections") {
		source = "--max-connections"
	}
	if config.URL != "" && (f.changed("url") || !f.changed("max-connections")) {
		var err error
		if limits, source, err = readServer(ctx, config); err != nil {
			return limits, "", fmt.Errorf("reading the server's limits: %w; %s, or give --max-connections without --url", err, monitor.Advice(err))
		}
		if f.changed("max-connections") {
			limits.MaxConnections = f.maxConnections
			source += ", max_connections from the flag"
		}
	} else if err := f.serverUnread(); err != nil {
		return limits, "", err
	}
	if f.reserved < 0 || f.reserved > limits.Others {
		limits.Others = f.reserved
	}
	if config.DBCPU {
		limits.CPUReaders = 1
	}
	return limits, source, nil
}

// serverUnread refuses --application-name where no server's sessions are counted.
func (f *planFlags) serverUnread() error {
	return needs(f.changed, "application-name", "url", false)
}

func readServer(ctx context.Context, config pool.Config) (sizing.Server, string, error) {
	application := config.ApplicationName
	config.StatementTimeout = 0 // which PgBouncer refuses; limitsTimeout bounds the one statement
	config.ApplicationName = monitor.ApplicationName
	settings, err := config.ConnConfig()
	if err != nil {
		return sizing.Server{}, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, limitsTimeout)
	defer cancel()
	conn, err := monitor.Connect(ctx, settings)
	if err != nil {
		return sizing.Server{}, "", err
	}
	defer func() { _ = conn.Close(ctx) }() // all that was asked has been answered
	found, err := monitor.ReadLimits(ctx, conn, application)
	if err != nil {
		return sizing.Server{}, "", err
	}
	return found.Server, describeServer(found, settings) + describeOthers(found.Others, application), nil
}

// describeOthers says which connections the planned pools cannot have.
func describeOthers(others int, application string) string {
	if others == 0 {
		return ""
	}
	return fmt.Sprintf(", others have %s open (application_name is not %q)", text.Counted(others, "connection"), application)
}

func describeServer(found monitor.Limits, settings *pgx.ConnConfig) string {
	source := fmt.Sprintf("PostgreSQL %s at %s, role %s", found.Version,
		net.JoinHostPort(settings.Host, strconv.Itoa(int(settings.Port))), found.Role)
	if found.Superuser {
		source += " (a superuser, whom rolconnlimit and datconnlimit do not bind)"
	}
	return source
}
