package upstream

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
)

// That k6 has these texts is what cmd/k6 tests: a second Ctrl-C, and users who are
// cut off.
func TestOnLog(t *testing.T) {
	var written bytes.Buffer
	logger := logrus.New()
	logger.SetOutput(&written)
	stopped := 0
	OnLog(logger.WithField("of", "a user"), func() { stopped++ })
	logger.WithError(errors.New(cutOffEnd)).Warn()
	require.Empty(t, written.String())
	logger.WithError(errors.New("another")).Warn("kept")
	logger.Error("kept too")
	require.Contains(t, written.String(), "kept too")
	require.Contains(t, written.String(), "another")
	require.Zero(t, stopped)
	logger.WithField("sig", "interrupt").Error(hardStop)
	require.Equal(t, 1, stopped)
	require.Contains(t, written.String(), hardStop)
}
