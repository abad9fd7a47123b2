package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// refuseUnknown finds a key of a script's options that is not the name of
// one, and says which name was probably meant.
func refuseUnknown(script map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(script)) {
		if slices.Contains(Names(), key) {
			continue
		}
		err := &pool.ConfigError{Option: showName(key), Source: SourceOption, Reason: "there is no such option", Accepted: meant(key)}
		// A text may be anything, a password too.
		if _, text := script[key].(string); !text {
			err.Reason += ", " + show(script[key]) + " was given for it"
		}
		return err
	}
	return nil
}

// longestName is the longest that a mistyped name can be, in characters.
const longestName = 80

var identifier = regexp.MustCompile(`^[A-Za-z_.]+$`)

// showName is an unknown option's name as an error may show it.
func showName(key string) string {
	if identifier.MatchString(key) && len(key) <= longestName {
		return key
	}
	return showText(key)
}

// meant is what to write for an unknown name: the option another library's
// name stands for, else the nearest of ours, else all of them.
func meant(key string) string {
	if advice := adviceFor(key); advice != "" {
		return advice
	}
	if near := nearest(key, Names()); near != "" {
		return near
	}
	return "one of " + strings.Join(Names(), ", ")
}

// Variable is the environment variable of an option, empty where there is none.
func Variable(name string) string {
	for _, o := range options {
		if o.name == name {
			return o.env
		}
	}
	return ""
}

// Names are the options as a script writes them, in the order of the
// documentation.
func Names() []string {
	names := []string{"url"}
	for _, o := range options {
		names = append(names, o.name)
	}
	return names
}

// What to use for settings that have no counterpart of the same meaning.
const (
	useBoth     = "poolSize and maxOverflow, which is what may be open beyond it"
	useSize     = "poolSize: the pool starts empty and keeps what it opened"
	useRecycle  = "poolRecycle: age is checked only at checkout"
	usePrePing  = "poolPrePing: connections are tested at checkout"
	useTimeouts = "poolTimeout for the wait and connectTimeout for connecting"
)

// elsewhere says what to use for the names that settings have in other
// libraries. The names are folded.
var elsewhere = map[string]string{
	// SQLAlchemy
	"timeout": "poolTimeout", "recycle": "poolRecycle", "preping": "poolPrePing", "uselifo": "poolUseLifo",
	"poolresetonreturn": "resetOnReturn",
	"poolloggingname":   "name", "loggingname": "name",
	// xk6-sql, which passes database/sql's settings on
	"maxopenconns": useBoth, "maxidleconns": "poolSize", "connmaxlifetime": "poolRecycle", "connmaxidletime": useRecycle,
	// pgxpool, as in its URLs and as in its Config
	"poolmaxconns": useBoth, "poolminconns": useSize, "poolminidleconns": useSize, "poolmaxconnlifetime": "poolRecycle",
	"poolmaxconnlifetimejitter": useRecycle, "poolmaxconnidletime": useRecycle, "poolhealthcheckperiod": usePrePing, "poolpingtimeout": usePrePing,
	"maxconns": useBoth, "minconns": useSize, "minidleconns": useSize, "maxconnlifetime": "poolRecycle",
	"maxconnlifetimejitter": useRecycle, "maxconnidletime": useRecycle, "healthcheckperiod": usePrePing, "pingtimeout": usePrePing,
	"defaultqueryexecmode": "queryExecMode",
	// node-postgres, Prisma, HikariCP
	"max": useBoth, "connectionstring": "url", "connectiontimeoutmillis": useTimeouts, "idletimeoutmillis": useRecycle,
	"connectionlimit": useBoth, "pgbouncer": "queryExecMode exec or simple_protocol", "schema": "search_path in the URL",
	"maximumpoolsize": useBoth, "minimumidle": useSize, "connectiontimeout": useTimeouts, "maxlifetime": "poolRecycle", "idletimeout": useRecycle,
	"jdbcurl": "url", "dsn": "url", "databaseurl": "url", "url": "url",
}

// adviceFor is what to write for another library's name of a setting, or for
// ours in another spelling, such as pool_size and DB_POOL_SIZE. It is "" for a
// name nobody uses.
func adviceFor(name string) string {
	folded := fold(name)
	for _, o := range options {
		if folded == fold(o.name) || (o.env != "" && folded == fold(o.env)) {
			return o.name
		}
	}
	return elsewhere[folded]
}

// fold takes away what differs between snake_case and camelCase.
func fold(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(name))
}

// nearest is the candidate that differs in at most a third of the name's
// characters, "" if there is none.
func nearest(name string, candidates []string) string {
	folded := fold(name)
	if len(folded) > longestName {
		return ""
	}
	best, limit := "", min(len(folded)/3, 3)
	for _, candidate := range slices.Sorted(slices.Values(candidates)) {
		if d := distance(folded, fold(candidate)); d <= limit {
			best, limit = candidate, d-1
		}
	}
	return best
}

// distance is Levenshtein's: how many bytes to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
