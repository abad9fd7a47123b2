//go:build unix

package pool_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io/fs"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // its certificate
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, file: filepath.Join(t.TempDir(), "ca.crt")}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return a
}

// sign makes a server's certificate for a host name, and its key.
func (a *authority) sign(host string) (cert, key []byte) {
	a.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.cert, private.Public(), a.key)
	require.NoError(a.t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(a.t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

// tlsServer speaks TLS as "localhost", which is not what its certificate calls
// 127.0.0.1, and lets the role "encrypted" in only that way.
func tlsServer(t *testing.T, a *authority) *embedded.Server {
	t.Helper()
	server := pgtest.Server(t, embedded.Config{})
	cert, key := a.sign("localhost")
	replaceFile(t, server, "server.crt", cert)
	replaceFile(t, server, "server.key", key)
	replaceFile(t, server, "pg_hba.conf", []byte(`
hostnossl all encrypted all reject
host all all all scram-sha-256
`))
	admin := pgtest.Conn(t, server.URL())
	for _, sql := range []string{
		"CREATE ROLE encrypted LOGIN PASSWORD 'p@ss w/rd'", "CREATE ROLE either LOGIN PASSWORD 'p@ss w/rd'",
		"ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()",
	} {
		_, err := admin.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		var on string
		row := pgtest.Conn(t, server.URL()).QueryRow(t.Context(), "SHOW ssl")
		return row.Scan(&on) == nil && on == "on"
	}, machine, 50*time.Millisecond)
	return server
}

// replaceFile writes a file of the server as if the server had written it.
func replaceFile(t *testing.T, server *embedded.Server, name string, content []byte) {
	t.Helper()
	path := filepath.Join(server.DataDir(), name)
	model, err := os.Stat(filepath.Join(server.DataDir(), "PG_VERSION"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	require.NoError(t, os.Chmod(path, 0o600))
	chownLike(t, path, model)
}

// chownLike gives a file to the owner of another one: where root runs the
// tests, the server is somebody else.
func chownLike(t *testing.T, path string, model fs.FileInfo) {
	t.Helper()
	owner := model.Sys().(*syscall.Stat_t)
	require.NoError(t, os.Chown(path, int(owner.Uid), int(owner.Gid)))
}

// login is a way to the server.
func login(t *testing.T, server *embedded.Server, host, role, password string, parameters url.Values) string {
	t.Helper()
	u, err := url.Parse(server.URL())
	require.NoError(t, err)
	u.User = url.UserPassword(role, password)
	u.Host = host + ":" + u.Port()
	u.RawQuery = parameters.Encode()
	return u.String()
}

func TestTLSModes(t *testing.T) {
	t.Parallel()
	ours, other := newAuthority(t, "ours"), newAuthority(t, "other")
	server := tlsServer(t, ours)
	const refused, plain, encrypted = "", "false", "true"
	for _, test := range []struct {
		name, host, role, mode, rootCert string
		want, says                       string
	}{
		{"disable", "127.0.0.1", "either", "disable", "", plain, ""},
		{"disable where TLS is needed", "127.0.0.1", "encrypted", "disable", "", refused, "no encryption"},
		{"allow", "127.0.0.1", "either", "allow", "", plain, ""},
		{"allow where TLS is needed", "127.0.0.1", "encrypted", "allow", "", encrypted, ""},
		{"prefer", "127.0.0.1", "encrypted", "prefer", "", encrypted, ""},
		{"require", "127.0.0.1", "encrypted", "require", "", encrypted, ""},
		{"require, known authority", "127.0.0.1", "encrypted", "require", ours.file, encrypted, ""},
		{"require, unknown authority", "127.0.0.1", "encrypted", "require", other.file, refused, "unknown authority"},
		{"verify-ca, other host", "127.0.0.1", "encrypted", "verify-ca", ours.file, encrypted, ""},
		{"verify-ca, unknown authority", "localhost", "encrypted", "verify-ca", other.file, refused, "unknown authority"},
		{"verify-full", "localhost", "encrypted", "verify-full", ours.file, encrypted, ""},
		{"verify-full, wrong host", "127.0.0.1", "encrypted", "verify-full", ours.file, refused, "127.0.0.1"},
		{"verify-full, unknown authority", "localhost", "encrypted", "verify-full", other.file, refused, "unknown authority"},
		{"verify-full, no file for the authority", "localhost", "encrypted", "verify-full", "", refused, "unknown authority"},
	} {
		t.Run(test.name, func(t *testing.T) {
			parameters := url.Values{"sslmode": {test.mode}}
			if test.rootCert != "" {
				parameters.Set("sslrootcert", test.rootCert)
			}
			h := newPool(t, 1, 0, func(c *pool.Config) {
				c.URL = login(t, server, test.host, test.role, "p@ss w/rd", parameters)
			})
			res, err := h.Query(h.scope(), "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()", nil)
			if test.want == refused {
				require.Equal(t, connectFailed, nameOf(err), "%v", err)
				require.ErrorContains(t, err, test.says)
				require.NotContains(t, err.Error(), "p@ss")
				require.NotContains(t, err.Error(), "\n")
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, string(res.Value(0, 0)))
		})
	}
}

func TestTLSRequiredWhereTheServerHasNone(t *testing.T) {
	t.Parallel()
	h := newPool(t, 1, 0, func(c *pool.Config) {
		u, err := url.Parse(c.URL)
		require.NoError(t, err)
		u.RawQuery = "sslmode=require"
		c.URL = u.String()
	})
	err := (&faulty{harness: h}).checkout()
	require.Equal(t, connectFailed, nameOf(err), "%v", err)
	require.ErrorContains(t, err, "TLS")
}

// What works below TLS works on it: interruption, return, an orderly end.
func TestPoolOnTLS(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t, "ours")
	server := tlsServer(t, ours)
	h := newPool(t, 1, 1, func(c *pool.Config) {
		c.URL = login(t, server, "localhost", "encrypted", "p@ss w/rd", url.Values{"sslmode": {"verify-full"}, "sslrootcert": {ours.file}})
	})
	h.url = server.URL()
	c, overflow := h.acquire(), h.acquire()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Query(pool.NewScope(ctx, pool.NopObserver{}), "SELECT pg_sleep(600)", nil)
	require.ErrorIs(t, err, pool.ErrInterrupted)
	_, err = c.Query(h.scope(), "SELECT 1", nil)
	require.NoError(t, err, "the connection survived")
	c.Release()
	overflow.Release()
	h.levels(0, 1, 1)
	h.terminate(c.PID())
	again := h.acquire()
	require.NotEqual(t, c.PID(), again.PID())
	again.Release()
	h.levels(0, 1, 1)
}
