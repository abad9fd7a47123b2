package pgtest

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// QuickLogins has the server keep the password of the URL's role with one round of key derivation instead of 4096.
// The rounds are the client's to compute: with the race detector and many connections at once they take seconds,
// which a test of time limits would mistake for the server's. A server that TEST_DATABASE_URL names is somebody's own,
// and its passwords stay what they are.
func QuickLogins(t testing.TB, server string) {
	t.Helper()
	if server == os.Getenv(urlVariable) {
		return
	}
	u, err := url.Parse(server)
	require.NoError(t, err, "read the URL")
	password, _ := u.User.Password()
	execute(t, server, "ALTER ROLE CURRENT_USER PASSWORD '"+verifier(t, password)+"'")
}

// verifier is what PostgreSQL keeps of a password (RFC 5803, RFC 5802 section 3). The salt is of no use here.
func verifier(t testing.TB, password string) string {
	t.Helper()
	const rounds = 1
	salt := []byte("of a test server")
	salted, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	require.NoError(t, err, "derive a key")
	stored := sha256.Sum256(keyed(salted, "Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", rounds, encode(salt), encode(stored[:]), encode(keyed(salted, "Server Key")))
}

func keyed(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
