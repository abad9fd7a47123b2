package js

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// argumentError says that an argument cannot be sent. To scripts it is a
// QueryError without code.
type argumentError struct {
	position int // from 1, as in $1
	reason   string
}

func (e *argumentError) Error() string {
	return "argument $" + strconv.Itoa(e.position) + ": " + e.reason
}

var (
	// pgxEncodeError is how pgx words it that an argument cannot be encoded.
	pgxEncodeError = regexp.MustCompile(
		`failed to encode args\[(\d+)\]: unable to encode (.*?) into (?:text|binary) format for (.*?) \(OID (\d+)\)`)
	// pgxRangeError is how pgx words it that a number is too large or small.
	pgxRangeError = regexp.MustCompile(`(-?\d+) is (?:greater|less) than `)
)

// explainArgument turns pgx's error for an argument that does not fit its
// parameter into one line that a script's author can act on. Any other error
// is returned as it is.
func explainArgument(err error) error {
	var fromServer *pgconn.PgError
	if err == nil || errors.As(err, &fromServer) {
		return err
	}
	found := pgxEncodeError.FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	index, atoiErr := strconv.Atoi(found[1])
	if atoiErr != nil {
		return err
	}
	value, target := found[2], typeLabel(found[3], found[4])
	return &argumentError{position: index + 1, reason: unfitValue(err, value, target) + " does not fit " + target}
}

// unfitValue finds what it was that did not fit: the argument, or an element.
func unfitValue(err error, argument, target string) string {
	var unfit errUnfit
	if errors.As(err, &unfit) && unfit.value != "" {
		return unfit.value
	}
	if found := pgxRangeError.FindStringSubmatch(err.Error()); found != nil {
		return found[1]
	}
	if _, isArray := strings.CutSuffix(target, "[]"); isArray && argument == (&arrayArg{}).GoString() {
		return "an element of the array"
	}
	return argument
}

// typeLabel names a type as SQL does.
func typeLabel(name, oid string) string {
	if element, isArray := strings.CutPrefix(name, "_"); isArray {
		return element + "[]"
	}
	if name == "unknown type" {
		return fmt.Sprintf("the type with OID %s; cast the parameter to a built-in type, as in $1::bytea::mytype", oid)
	}
	return name
}
