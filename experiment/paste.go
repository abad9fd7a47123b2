package experiment

import (
	"fmt"
	"time"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// fragments are a recommendation as FlowBoard's backend, any SQLAlchemy
// application and a Go program take it.
func fragments(v size, poolTimeout time.Duration) []fragment {
	recycle := pool.DefaultConfig().PoolRecycle
	return []fragment{
		{".env", "ini", fmt.Sprintf("DB_POOL_SIZE=%d\nDB_MAX_OVERFLOW=%d\nDB_POOL_TIMEOUT=%g\nDB_POOL_RECYCLE=%g\nDB_POOL_PRE_PING=true",
			v.base, v.overflow, poolTimeout.Seconds(), recycle.Seconds())},
		{"SQLAlchemy", "python", fmt.Sprintf("engine = create_async_engine(\n    DATABASE_URL,\n    pool_size=%d,\n    max_overflow=%d,\n    pool_timeout=%g,\n    pool_recycle=%g,\n    pool_pre_ping=True,\n)",
			v.base, v.overflow, poolTimeout.Seconds(), recycle.Seconds())},
		// pgxpool knows one limit: it keeps what it opened until it was idle for
		// pool_max_conn_idle_time.
		{"pgxpool (Go), which has one limit for both", "", fmt.Sprintf("postgresql://USER@HOST/DATABASE?pool_max_conns=%d&pool_max_conn_lifetime=%s",
			v.connections(), showDuration(recycle.String()))},
	}
}
