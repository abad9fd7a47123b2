package sqlvalue

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/upstream/pgxtext"
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

// ExplainArgument turns pgx's errors for arguments that do not fit the
// statement's parameters into one line that a script's author can act on. Any
// other error is returned as it is.
func ExplainArgument(err error) error {
	var fromServer *pgconn.PgError
	if err == nil || errors.As(err, &fromServer) {
		return err
	}
	if count, ok := pgxtext.Count(err); ok {
		return explainCount(count)
	}
	unfit, ok := pgxtext.Unfit(err)
	if !ok {
		return err
	}
	target := typeLabel(unfit.Type, unfit.OID)
	return &argumentError{position: unfit.Position, reason: unfitValue(err, unfit, target) + " does not fit " + target}
}

// explainCount is for a number of arguments that is not that of the parameters.
func explainCount(count pgxtext.Miscounted) error {
	switch {
	case count.Unused > 0:
		return &argumentError{position: count.Unused, reason: "the statement has no such parameter"}
	case count.Parameters+count.Arguments > 0:
		return fmt.Errorf("the statement has %s, the call gives it %s",
			text.Counted(count.Parameters, "parameter"), text.Counted(count.Arguments, "argument"))
	case count.TooFew:
		return errors.New("the statement has more parameters than the call gives it arguments")
	default:
		return errors.New("the statement does not have as many parameters as the call gives it arguments")
	}
}

// unfitValue finds what it was that did not fit: the argument, or an element.
func unfitValue(err error, argument pgxtext.UnfitArgument, target string) string {
	var unfit unfitError
	if errors.As(err, &unfit) && unfit.value != "" {
		return unfit.value
	}
	if argument.Beyond != "" {
		return argument.Beyond
	}
	if _, isArray := strings.CutSuffix(target, "[]"); isArray && argument.Value == (&arrayArg{}).GoString() {
		return "an element of the array"
	}
	return argument.Value
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
