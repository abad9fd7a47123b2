package command

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// Values that a full disk swallows are an error, after the report.
func TestMonitorOutputThatCannotBeWritten(t *testing.T) {
	url := pgtest.Database(t)
	session(t, url, "full")
	p := prepare(t, nil, "--url="+url, "--application-name=full", "--format=csv", "--output=/dev/full")
	require.NotZero(t, p.run(t))
	require.Contains(t, p.stderr.String(), "no space left on device")
	require.Contains(t, p.stdout.String(), "Report on full")
}
