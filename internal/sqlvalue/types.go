package sqlvalue

import (
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// decoders has the types that are not simply strings. In binary are those that are
// cheaper to decode there, and timestamps, whose text depends on the session's DateStyle
// and TimeZone, and floats, whose text depends on its extra_float_digits.
var decoders = map[uint32]struct{ text, binary decoder }{
	pgtype.BoolOID:        {decodeTextBool, decodeBinaryBool},
	pgtype.ByteaOID:       {decodeTextBytea, decodeBinaryBytea},
	pgtype.Int2OID:        {decodeTextInt, decodeBinaryInt2},
	pgtype.Int4OID:        {decodeTextInt, decodeBinaryInt4},
	pgtype.Int8OID:        {decodeTextInt, decodeBinaryInt8},
	pgtype.Float4OID:      {decodeTextFloat, decodeBinaryFloat4},
	pgtype.Float8OID:      {decodeTextFloat, decodeBinaryFloat8},
	pgtype.DateOID:        {decodeTextTime, decodeBinaryDate},
	pgtype.TimestampOID:   {decodeTextTime, decodeBinaryTimestamp},
	pgtype.TimestamptzOID: {decodeTextTime, decodeBinaryTimestamp},
	pgtype.JSONOID:        {text: decodeJSON},
	pgtype.JSONBOID:       {text: decodeJSON},
}

// ResultFormats asks for binary values of the types that have a decoder for them. All
// others arrive as text, and in the modes exec and simple_protocol every type does.
var ResultFormats = func() pgx.QueryResultFormatsByOID {
	formats := make(pgx.QueryResultFormatsByOID)
	for oid, decode := range decoders {
		if decode.binary != nil {
			formats[oid] = pgx.BinaryFormatCode
		}
	}
	return formats
}()

// textArrays are PostgreSQL's own array types that pgtype does not know. Their
// elements are strings.
var textArrays = []uint32{
	775,  // macaddr8[]
	791,  // money[]
	1006, // int2vector[]
	1008, // regproc[]
	1013, // oidvector[]
	1263, // cstring[]
	1270, // timetz[]
	2201, // refcursor[]
	2207, // regprocedure[]
	2208, // regoper[]
	2209, // regoperator[]
	2210, // regclass[]
	2211, // regtype[]
	2949, // txid_snapshot[]
	3221, // pg_lsn[]
	3645, // tsquery[]
	3735, // regconfig[]
	3770, // regdictionary[]
	4090, // regnamespace[]
	4097, // regrole[]
	4192, // regcollation[]
	5039, // pg_snapshot[]
	6150, // int4multirange[]
	6151, // nummultirange[]
	6152, // tsmultirange[]
	6153, // tstzmultirange[]
	6155, // datemultirange[]
	6157, // int8multirange[]
}

// pgtypes answers which types are arrays, and of what.
var pgtypes = sync.OnceValue(pgtype.NewMap)

// decoderOf is that of a result's column.
func decoderOf(shape *pool.Shape, column int) decoder {
	of := shape.Columns[column]
	return decoderFor(of.OID, of.Format, shape.Int8)
}

// decoderFor finds how a column's values become JavaScript values. A type that
// is not known is text, as the server wrote it.
func decoderFor(oid uint32, format int16, int8s pool.Int8) decoder {
	if oid == pgtype.Int8OID && int8s != "" {
		return decodeInt8As(int8s, format)
	}
	if format == pgx.BinaryFormatCode {
		if decode := decoders[oid].binary; decode != nil {
			return decode
		}
		return decodeUnexpectedBinary
	}
	if decode := decoders[oid].text; decode != nil {
		return decode
	}
	if element, delimiter, ok := arrayOf(oid, int8s); ok {
		return decodeArrayOf(element, delimiter)
	}
	return decodeString
}

// arrayOf gives the decoder of an array type's elements and what stands
// between them.
func arrayOf(oid uint32, int8s pool.Int8) (element decoder, delimiter byte, ok bool) {
	if slices.Contains(textArrays, oid) {
		return decodeString, ',', true
	}
	known, ok := pgtypes().TypeForOID(oid)
	if !ok {
		return nil, 0, false
	}
	codec, ok := known.Codec.(*pgtype.ArrayCodec)
	if !ok {
		return nil, 0, false
	}
	delimiter = codec.Delimiter
	if delimiter == 0 {
		delimiter = ','
	}
	return decoderFor(codec.ElementType.OID, pgx.TextFormatCode, int8s), delimiter, true
}
