package experiment

import (
	"fmt"
	"strconv"
	"time"
)

// fragments are a recommendation as FlowBoard's backend, any SQLAlchemy
// application and a Go program take it. What is not swept is as it was measured.
func fragments(v size, measured configuration) []fragment {
	timeout, recycle := inSeconds(measured.timeout()), "-1"
	if age := measured.recycle(); age >= 0 {
		recycle = inSeconds(age)
	}
	ping := measured["poolPrePing"] == true
	return []fragment{
		{".env", "ini", fmt.Sprintf("DB_POOL_SIZE=%d\nDB_MAX_OVERFLOW=%d\nDB_POOL_TIMEOUT=%s\nDB_POOL_RECYCLE=%s\nDB_POOL_PRE_PING=%t",
			v.base, v.overflow, timeout, recycle, ping)},
		{"SQLAlchemy", "python", fmt.Sprintf("engine = create_async_engine(\n    DATABASE_URL,\n    pool_size=%d,\n    max_overflow=%d,\n    pool_timeout=%s,\n    pool_recycle=%s,\n    pool_pre_ping=%s,\n)",
			v.base, v.overflow, timeout, recycle, map[bool]string{true: "True", false: "False"}[ping])},
		// pgxpool knows one limit: it keeps what it opened until it was idle for
		// pool_max_conn_idle_time.
		{"pgxpool (Go), which has one limit for both", "", fmt.Sprintf("postgresql://USER@HOST/DATABASE?pool_max_conns=%d&pool_max_conn_lifetime=%s",
			v.connections(), lifetime(measured.recycle()))},
	}
}

// inSeconds writes seconds as both Python and .env read them.
func inSeconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// lifetime is pgxpool's, for which 0 is never. With one that is over before a
// connection is open it would connect for ever.
func lifetime(recycle time.Duration) string {
	if recycle < 0 {
		return "0s"
	}
	return showDuration(max(recycle, time.Second).String())
}
