package config

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// secretOf makes a password that stands out: no text of ours holds its ends.
func secretOf(seed string) string { return "Zq" + seed + "qZ" }

// connectionStrings are one connection in several forms.
func connectionStrings(password string) []string {
	encoded := encode(password)
	quoted := "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password) + "'"
	return []string{
		"postgres://ann:" + encoded + "@db.example.com:5432/flow?sslmode=require&connect_timeout=5",
		"postgresql+asyncpg://ann:" + encoded + "@[::1]:5432/flow?ssl=require&application_name=x",
		"postgresql+psycopg2://ann:" + password + "@h/flow",
		"postgres://ann@h,i:5433/flow?password=" + encoded + "&sslmode=disable",
		"postgres://ann:" + password + "@h",
		"host=h port=5432 user=ann password=" + quoted + " dbname=flow sslmode=prefer",
		"user=ann password=" + password + " host=h statement_timeout=1s",
	}
}

// damage changes one character: deletes it, replaces it, or inserts another.
func damage(text string, where uint16, how, what byte) string {
	i := int(where) % (len(text) + 1)
	switch {
	case how%3 == 0 || i == len(text):
		return text[:i] + string(rune(what)) + text[i:]
	case how%3 == 1:
		return text[:i] + text[i+1:]
	default:
		return text[:i] + string(rune(what)) + text[i+1:]
	}
}

// FuzzURL damages connection strings in two places: neither an error nor what
// is shown of one holds the password, and what is accepted has one form.
func FuzzURL(f *testing.F) {
	for form := range byte(7) {
		f.Add(form, "pw", uint16(0), byte(1), byte(0), uint16(0), byte(1), byte(0))
		f.Add(form, "p@/?#:%&= '\\", uint16(14), byte(2), byte('@'), uint16(20), byte(0), byte(':'))
		f.Add(form, "p,[]+\n", uint16(20), byte(1), byte('/'), uint16(25), byte(2), byte('='))
	}
	f.Fuzz(func(t *testing.T, form byte, seed string, where1 uint16, how1, what1 byte, where2 uint16, how2, what2 byte) {
		password := secretOf(seed)
		forms := connectionStrings(password)
		text := damage(damage(forms[int(form)%len(forms)], where1, how1, what1), where2, how2, what2)

		c, err := Resolve(map[string]any{"url": text}, nil)
		if err != nil {
			requireConfigError(t, err)
			requireSecret(t, password, err.Error())
			return
		}
		require.Equal(t, c.URL, canonical(t, c.URL))
		conn, err := c.ConnConfig()
		require.NoError(t, err)
		if conn.Password == password {
			requireSecret(t, password, showURL(text))
			requireSecret(t, password, fmt.Sprint(c))
		}
	})
}

// requireSecret fails if the text holds the password, in clear or encoded.
func requireSecret(t *testing.T, password, text string) {
	t.Helper()
	require.NotContains(t, text, password)
	require.NotContains(t, text, encode(password))
}

// FuzzResolve gives any value to any option from both sides: it never panics,
// and what it refuses is a pool.ConfigError without the URL's password.
func FuzzResolve(f *testing.F) {
	f.Add("poolSize", "20", 20.0, int64(20), true, byte(0), "pw", "5")
	f.Add("queryExecMode", "exec", math.NaN(), int64(-1), false, byte(1), "a b", "-1")
	f.Add("pool_max_conns", "1d", math.Inf(1), int64(math.MaxInt64), false, byte(2), "'", "1h30m")
	f.Add("url", "postgres://x:y@z", math.Copysign(0, -1), int64(math.MinInt64), true, byte(3), "@", "off")
	f.Fuzz(func(t *testing.T, name, text string, number float64, whole int64, truth bool, kind byte, seed, variable string) {
		password := secretOf(seed)
		url := connectionStrings(password)[int(kind)%7]
		value := []any{text, number, whole, truth, nil, []any{text}, map[string]any{text: number}, url}[int(kind>>3)%8]
		given := map[string]any{"url": url}
		for _, o := range options {
			if fold(o.name) == fold(name) {
				name = o.name
			}
		}
		given[name] = value

		everywhere := func(string) (string, bool) { return variable, true }
		for _, lookup := range []Lookup{nil, everywhere, fakeEnv("DB_APPLICATION_NAME", text, "DB_POOL_TIMEOUT", variable)} {
			c, err := Resolve(given, lookup)
			if err != nil {
				requireConfigError(t, err)
				requireSecret(t, password, err.Error())
				continue
			}
			require.NoError(t, c.Validate(), "what is resolved is valid")
			require.Empty(t, Difference(c, c))
		}
	})
}

// Every damage of one character, with every character that means something in
// a connection string: no part of the password is in the error.
func TestDamagedConnectionStrings(t *testing.T) {
	password := secretOf("p4s5%w")
	refused := 0
	for _, text := range connectionStrings(password) {
		for where := range uint16(len(text) + 1) {
			damaged := []string{damage(text, where, 1, 0)}
			for _, what := range []byte(":/@?=&%,'\\[ \x00x") {
				damaged = append(damaged, damage(text, where, 0, what), damage(text, where, 2, what))
			}
			for _, text := range damaged {
				if _, err := Resolve(map[string]any{"url": text}, nil); err != nil {
					refused++
					require.NotContains(t, err.Error(), "Zq", text)
					require.NotContains(t, err.Error(), "qZ", text)
				}
			}
		}
	}
	require.Greater(t, refused, 3000)
}
