//go:build unix

package main_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// asRole is the same database for another user.
func asRole(t *testing.T, database, name, password string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	u.User = url.UserPassword(name, password)
	return u.String()
}
