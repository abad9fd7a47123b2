// Package catalog knows of one server what pgx does not: the domains, enums and
// their arrays that its database has, and the settings on which the text of a
// value depends.
package catalog

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// Catalog is immutable.
type Catalog struct {
	// ExtraFloatDigits is the role's setting. Below 1 a float as text has lost
	// digits.
	ExtraFloatDigits int

	aliases map[uint32]uint32 // a type that is read like a built-in one
	types   []*pgtype.Type    // for parameters
}

// query is for every pooler: without parameters. A domain over another domain
// and an array come after what they are made of. The names are qualified: a
// search_path may put others before pg_catalog.
const query = digits + `;
SELECT t.oid, t.typname, CASE WHEN e.oid IS NULL THEN t.typtype ELSE 'a' END AS kind, t.typbasetype, b.typarray, t.typelem, pg_catalog.ascii(t.typdelim)
FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typtype IN ('d', 'e') AND t.typcategory = 'A'
WHERE t.typtype IN ('d', 'e') OR e.oid IS NOT NULL ORDER BY e.oid IS NOT NULL, t.oid`

const digits = `SELECT pg_catalog.current_setting('extra_float_digits')`

// FloatDigits is the session's extra_float_digits now.
func FloatDigits(ctx context.Context, conn *pgconn.PgConn) (int, error) {
	results, err := conn.Exec(ctx, digits).ReadAll()
	if err == nil && (len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) != 1) {
		err = fmt.Errorf("the server answered with %d results", len(results))
	}
	if err != nil {
		return 0, fmt.Errorf("reading extra_float_digits: %w", err)
	}
	return strconv.Atoi(string(results[0].Rows[0][0]))
}

// Load asks the server, in one round trip.
func Load(ctx context.Context, conn *pgconn.PgConn) (*Catalog, error) {
	results, err := conn.Exec(ctx, query).ReadAll()
	if err == nil && (len(results) != 2 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) != 1) {
		err = fmt.Errorf("the server answered with %d results", len(results))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the server's types: %w", err)
	}
	c := &Catalog{aliases: map[uint32]uint32{}}
	if c.ExtraFloatDigits, err = strconv.Atoi(string(results[0].Rows[0][0])); err != nil {
		return nil, fmt.Errorf("reading extra_float_digits: %w", err)
	}
	l := loader{Catalog: c, known: pgtype.NewMap(), arrays: map[uint32]uint32{}}
	for _, row := range results[1].Rows {
		if len(row) != 7 {
			return nil, fmt.Errorf("the server sent a row of %d values for a type", len(row))
		}
		l.add(row)
	}
	return c, nil
}

// loader adds types one by one.
type loader struct {
	*Catalog
	known  *pgtype.Map
	arrays map[uint32]uint32 // which array of a built-in type an array of the type is read like
}

func (l *loader) add(row [][]byte) {
	oid, base, element := number(row[0]), number(row[3]), number(row[5])
	switch string(row[2]) {
	case "e": // parameters take any text already
		l.aliases[oid], l.arrays[oid] = pgtype.TextOID, pgtype.TextArrayOID
	case "d":
		l.aliases[oid], l.arrays[oid] = l.Alias(base), number(row[4])
		if array := l.arrays[base]; array != 0 {
			l.arrays[oid] = array
		}
		if t, ok := l.known.TypeForOID(base); ok {
			l.register(row, t.Codec)
		}
	default:
		l.aliases[oid] = l.arrays[element]
		if t, ok := l.known.TypeForOID(element); ok {
			l.register(row, &pgtype.ArrayCodec{ElementType: t, Delimiter: byte(number(row[6]))}) // #nosec G115 -- an ASCII character
		}
	}
}

func (l *loader) register(row [][]byte, codec pgtype.Codec) {
	t := &pgtype.Type{Name: string(row[1]), OID: number(row[0]), Codec: codec}
	l.known.RegisterType(t)
	l.types = append(l.types, t)
}

// number is 0 for what is not there.
func number(text []byte) uint32 {
	n, _ := strconv.ParseUint(string(text), 10, 32)
	return uint32(n) // #nosec G115 -- parsed as 32 bits
}

// Alias is the type that values of a type are read like: its own, but for
// domains, enums and their arrays.
func (c *Catalog) Alias(oid uint32) uint32 {
	if alias := c.aliases[oid]; alias != 0 {
		return alias
	}
	return oid
}

// Knows reports whether the type is the server's own or was there when the
// catalog was loaded, as far as one can tell.
func (c *Catalog) Knows(oid uint32) bool {
	const firstOfUsers = 16384 // PostgreSQL's FirstNormalObjectId
	return oid < firstOfUsers || c.aliases[oid] != 0
}

// Register lets parameters of a domain follow the rules of its base type.
func (c *Catalog) Register(types *pgtype.Map) { types.RegisterTypes(c.types) }
