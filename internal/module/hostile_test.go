package module_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

// hostile are objects that are not what they say.
var hostile = []string{
	`{ get [Symbol.toStringTag]() { return 'bytes' } }`, `{ get [Symbol.toStringTag]() { return 'ArrayBuffer' } }`,
	`{ get [Symbol.toStringTag]() { return 'Uint8Array' } }`, `{ get [Symbol.toStringTag]() { return 'DataView' } }`,
	`{ [Symbol.toStringTag]: 'Array', length: -1 }`, `{ [Symbol.toStringTag]: 'Date' }`, `{ [Symbol.toStringTag]: 'Number' }`,
	`{ [Symbol.toStringTag]: 'Uint8Array', buffer: new ArrayBuffer(4), byteOffset: -1, byteLength: 2 }`,
	`{ [Symbol.toStringTag]: 'Uint8Array', buffer: new ArrayBuffer(4), byteOffset: 3, byteLength: 2 }`,
	`{ [Symbol.toStringTag]: 'Uint8Array', buffer: new ArrayBuffer(4), byteOffset: 2 ** 62, byteLength: 2 ** 62 }`,
	`{ [Symbol.toStringTag]: 'Uint8Array', buffer: new ArrayBuffer(4) }`, `{ [Symbol.toStringTag]: 'DataView', buffer: {} }`,
	`{ [Symbol.toStringTag]: 'DataView', buffer: null, byteOffset: 0, byteLength: 0 }`,
	`Object.defineProperty(new Uint8Array(4), 'byteOffset', { value: 9 })`, `Object.defineProperty(new Uint8Array(4), 'buffer', { value: 1 })`,
	`Object.defineProperty(new Uint8Array(4), 'byteLength', { value: 1e300 })`, `Object.setPrototypeOf(new Uint8Array(4), null)`,
	`new Proxy([1, 2], { get: (o, k) => k === 'length' ? -5 : o[k] })`, `new Proxy([1], { get() { throw new RangeError('no') } })`,
	`new Proxy({}, { ownKeys() { return ['a', 'a'] } })`, `new Proxy(new Date(), {})`, `new Proxy(new ArrayBuffer(1), {})`, `new Proxy(() => 1, {})`,
	`Object.assign([], { length: 2 ** 32 - 1 })`, `Object.defineProperty([], '0', { get() { throw 'zero' } })`,
	`Object.setPrototypeOf([], { get length() { return -1 } })`, `Object.create(Array.prototype, { length: { value: -1 } })`,
	`Object.create(Date.prototype)`, `Object.create(Number.prototype)`, `Object.create(Map.prototype)`, `Object.create(ArrayBuffer.prototype)`,
	`Object.assign(new Number(1), { valueOf() { return Symbol('n') } })`, `Object.assign(new String('a'), { toString() { return {} } })`,
	`{ toJSON() { return this } }`, `{ toJSON() { throw null } }`, `[{ toJSON() { return undefined } }]`,
	`Object.create(null)`, `Object.freeze([Object.freeze({})])`, `globalThis`, `Proxy.revocable({}, {}).proxy`, `(() => { const r = Proxy.revocable({}, {}); r.revoke(); return r.proxy })()`,
	`new (class extends Array { get length() { return -1 } })()`, `new (class extends Uint8Array { get byteLength() { return -1 } })(3)`,
	`[[], [[]], -0, NaN, 2n ** 70n, null, undefined]`, `Symbol.iterator`, `async function g() {}`, `pool`, `Pool`,
	`new Set([1])`, `new Map([[1, 2]])`, `new WeakMap()`, `'a\0b'`, `'a\ud800b'`,
}

// Whatever a script makes of an argument is its own error and nobody else's.
func TestNoArgumentEndsTheProcess(t *testing.T) {
	t.Chdir(t.TempDir())
	u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 0 }`)
	for _, value := range hostile {
		for _, call := range []string{
			`pool.query('SELECT $1::text', %)`, `pool.exec('SELECT $1::jsonb', [%])`, `pool.queryRow('SELECT $1::bytea', %)`, `pool.query(%)`,
			`pool.transaction(%)`, `new Pool(%)`, `new Pool({ name: 'x', poolSize: % })`, `open(%)`, `open(URL, %)`, `pgxpool.monitor(%)`, `pgxpool.experiment(%)`,
			`pgxpool.verdict(%, %)`, `pgxpool.observeResponse(1, %)`, `pgxpool.observeResponse(%)`, `pgxpool.warnOnce(%)`, `pgxpool.restartServer(%)`,
			`pgxpool.startStandby(%)`, `pool.with({ tags: % })`, `pool.transaction(() => 1, { retries: % })`, `pool.copyFrom('t', [%], [[%]])`, `pgxpool.verdict({ metrics: % })`,
		} {
			script := `try { ` + strings.ReplaceAll(call, `%`, `(`+value+`)`) + ` } catch (e) { String(e && e.message) }`
			require.NotContains(t, u.JS(script).String(), "internal error", script)
		}
		u.JS(`pool.queryAsync('SELECT $1::text', (` + value + `)).catch(() => 0)`)
	}
	require.Equal(t, "0", u.Text(`pool.stat().active`))
	require.Equal(t, "1", u.Text(`pool.queryValue === undefined ? pool.queryRow('SELECT 1 AS n').n : pool.queryValue('SELECT 1')`))
}

// FuzzArguments makes objects of parts of hostile ones.
func FuzzArguments(f *testing.F) {
	for seed := range uint64(6) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 1)) // #nosec G404 -- no secret
		u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 0 }`)
		for range 50 {
			value := hostileObject(random, 3)
			script := `try { pool.query('SELECT $1::text, $2::jsonb', (` + value + `), [` + value + `]) } catch (e) { String(e && e.message) }`
			require.NotContains(t, u.JS(script).String(), "internal error", script)
		}
		require.Equal(t, "0", u.Text(`pool.stat().active`))
	})
}

func hostileObject(random *rand.Rand, depth int) string {
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	if depth == 0 || random.IntN(4) == 0 {
		return pick(`-1`, `0`, `4`, `2 ** 40`, `-(2 ** 62)`, `NaN`, `null`, `undefined`, `'x'`, `1n`, `{}`, `[]`, `new ArrayBuffer(3)`, `new Date(NaN)`)
	}
	tag := pick(`bytes`, `ArrayBuffer`, `Uint8Array`, `DataView`, `Float64Array`, `Array`, `Date`, `Map`, `Number`, `Promise`, `Object`)
	base := pick(`{}`, `[1, 2]`, `new Uint8Array(5)`, `new DataView(new ArrayBuffer(6), 2)`, `new Date(0)`, `new Number(2)`, `new String('s')`, `new Map()`, `new Float32Array(2)`)
	object := `Object.defineProperties(` + base + `, {`
	for range random.IntN(4) {
		object += pick(`length`, `byteOffset`, `byteLength`, `buffer`, `toJSON`, `valueOf`, `a`) + `: { ` +
			pick(`value: `+hostileObject(random, depth-1), `get() { throw 1 }`, `get() { return `+hostileObject(random, depth-1)+` }`) + ` },`
	}
	if random.IntN(2) == 0 {
		object += `[Symbol.toStringTag]: { value: '` + tag + `' },`
	}
	object += `})`
	if random.IntN(4) == 0 {
		object = `new Proxy(` + object + `, { get: (o, k) => k === 'length' ? (` + hostileObject(random, depth-1) + `) : o[k] })`
	}
	return `(() => { try { return ` + object + ` } catch { return {} } })()`
}
