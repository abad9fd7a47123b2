package report_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/report"
)

func TestThePageIsSmall(t *testing.T) {
	html, err := report.HTML(sample())
	require.NoError(t, err)
	require.Less(t, len(html), 1_500_000)
}
