package merge_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A verdict over all runners is no verdict over all users where one of them was
// cut short.
func TestMergedNotesNameWhoWasNotThereAllTheTime(t *testing.T) {
	parts := halves()
	_, report := mergeAndJudge(t, runnersOf(t, parts...))
	require.NotContains(t, fmt.Sprint(report.Notes), "the load was smaller")
	parts[0].seconds = 4
	_, report = mergeAndJudge(t, runnersOf(t, parts...))
	require.Contains(t, report.Notes, "runner 0:1/2 ended 6 s before the last one: from then on the load was smaller.")
	parts = halves()
	parts[1].begin = 5 * time.Second
	_, report = mergeAndJudge(t, runnersOf(t, parts...))
	require.Contains(t, report.Notes, "runner 1/2:1 began 5 s after the first one: until then the load was smaller.")
}
