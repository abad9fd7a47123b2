package pgxtext

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	encodeError = regexp.MustCompile(
		`failed to encode args\[(\d+)\]: unable to encode (.*?) into (?:text|binary) format for (.*?) \(OID (\d+)\)`)
	rangeError  = regexp.MustCompile(`(-?\d+) is (?:greater|less) than `)
	countError  = regexp.MustCompile(`^expected (\d+) arguments, got (\d+)$`)
	unusedError = regexp.MustCompile(`^unused argument: (\d+)$`)
)

// UnfitArgument is an argument that does not fit its parameter.
type UnfitArgument struct {
	Position  int    // from 1, as in $1
	Value     string // as %#v writes it
	Beyond    string // the number that is too large or small, empty where it is not that
	Type, OID string // of the parameter
}

// Unfit reads pgx's error for an argument that it cannot encode.
func Unfit(err error) (UnfitArgument, bool) {
	found := encodeError.FindStringSubmatch(err.Error())
	if found == nil {
		return UnfitArgument{}, false
	}
	index, _ := strconv.Atoi(found[1]) // the pattern takes digits only
	unfit := UnfitArgument{Position: index + 1, Value: found[2], Type: found[3], OID: found[4]}
	if number := rangeError.FindStringSubmatch(err.Error()); number != nil {
		unfit.Beyond = number[1]
	}
	return unfit, true
}

// IsUnfit reports whether err is pgx's for an argument that it cannot encode.
func IsUnfit(err error) bool { return encodeError.MatchString(err.Error()) }

// IsUnannouncedRow reports whether err is pgx's for a row without a description
// before it, after which pgx goes on with the connection.
func IsUnannouncedRow(err error) bool {
	return strings.Contains(err.Error(), "DataRow message without preceding RowDescription")
}

// Miscounted says of a statement and its arguments what pgx tells of them where
// they are not as many as the parameters.
type Miscounted struct {
	Parameters, Arguments int // both 0 where pgx does not tell
	Unused                int // the argument, from 1, that no parameter takes; 0 where pgx does not tell
	TooFew                bool
}

// Count reads pgx's errors for too few or too many arguments, which each mode of
// its queries has others of.
func Count(err error) (Miscounted, bool) {
	said := err.Error()
	if found := countError.FindStringSubmatch(said); found != nil {
		parameters, _ := strconv.Atoi(found[1]) // the patterns take digits only
		arguments, _ := strconv.Atoi(found[2])
		return Miscounted{Parameters: parameters, Arguments: arguments, TooFew: arguments < parameters}, true
	}
	if found := unusedError.FindStringSubmatch(said); found != nil {
		index, _ := strconv.Atoi(found[1])
		return Miscounted{Unused: index + 1}, true
	}
	switch said {
	case "insufficient arguments": // simple_protocol
		return Miscounted{TooFew: true}, true
	case "mismatched param and argument count": // Exec
		return Miscounted{}, true
	}
	return Miscounted{}, false
}
