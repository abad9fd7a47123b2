package pool

import "github.com/jackc/pgx/v5"

// ModeName is pgx's own name of a mode, as in the option queryExecMode:
// cache_statement. It is empty for a mode that does not exist.
func ModeName(mode pgx.QueryExecMode) string { return modeNames[mode] }
