package sqlvalue

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowboard/xk6-pgxpool/internal/text"
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
	// pgxCountError and pgxUnusedError are how pgx words it that there are too
	// few or too many arguments, the latter in simple_protocol.
	pgxCountError  = regexp.MustCompile(`^expected (\d+) arguments, got (\d+)$`)
	pgxUnusedError = regexp.MustCompile(`^unused argument: (\d+)$`)
	// pgxRangeError is how pgx words it that a number is too large or small.
	pgxRangeError = regexp.MustCompile(`(-?\d+) is (?:greater|less) than `)
)

// ExplainArgument turns pgx's errors for arguments that do not fit the
// statement's parameters into one line that a script's author can act on. Any
// other error is returned as it is.
func ExplainArgument(err error) error {
	var fromServer *pgconn.PgError
	if err == nil || errors.As(err, &fromServer) {
		return err
	}
	if counted := explainCount(err.Error()); counted != nil {
		return counted
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

// explainCount is for a number of arguments that is not that of the parameters.
func explainCount(problem string) error {
	if found := pgxCountError.FindStringSubmatch(problem); found != nil {
		parameters, _ := strconv.Atoi(found[1]) // the pattern takes digits only
		arguments, _ := strconv.Atoi(found[2])
		return fmt.Errorf("the statement has %s, the call gives it %s",
			text.Counted(parameters, "parameter"), text.Counted(arguments, "argument"))
	}
	if found := pgxUnusedError.FindStringSubmatch(problem); found != nil {
		index, _ := strconv.Atoi(found[1])
		return &argumentError{position: index + 1, reason: "the statement has no such parameter"}
	}
	switch problem {
	case "insufficient arguments": // pgx, in simple_protocol
		return errors.New("the statement has more parameters than the call gives it arguments")
	case "mismatched param and argument count": // pgx's Exec
		return errors.New("the statement does not have as many parameters as the call gives it arguments")
	}
	return nil
}

// unfitValue finds what it was that did not fit: the argument, or an element.
func unfitValue(err error, argument, target string) string {
	var unfit unfitError
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
