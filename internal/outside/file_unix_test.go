//go:build unix

package outside_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/outside"
)

func write(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

func TestFilesAreReadAsUTF8(t *testing.T) {
	for content, want := range map[string]string{
		"":                                 "",
		"A=é\n":                            "A=é\n",
		"\xef\xbb\xbfA=1\n":                "A=1\n",
		"\xff\xfeA\x00=\x00\xe9\x00\n\x00": "A=é\n",
		"\xfe\xff\x00A\x00=\x00\xe9\x00\n": "A=é\n",
		"A=\xe9\n":                         "A=\xe9\n", // not ours to guess
	} {
		got, err := outside.ReadFile(write(t, content), 100)
		require.NoError(t, err)
		require.Equal(t, want, string(got), "%q", content)
	}
}

func TestTheLimitIsExact(t *testing.T) {
	name := write(t, strings.Repeat("x", 1024))
	text, err := outside.ReadFile(name, 1024)
	require.NoError(t, err)
	require.Len(t, text, 1024)

	_, err = outside.ReadFile(name, 1023)
	require.EqualError(t, err, "read "+name+": it is larger than 0 KiB")
	large := write(t, "")
	require.NoError(t, os.Truncate(large, 2<<20)) // takes no place
	for most, says := range map[int64]string{64 << 10: "it is larger than 64 KiB", 1 << 20: "it is larger than 1 MiB"} {
		_, err = outside.ReadFile(large, most)
		require.Equal(t, says, outside.Reason(err))
	}
}

// Each of these would wait for ever or fill the memory.
func TestWhatNeverEndsIsNotRead(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink("/dev/zero", link))
	for _, name := range []string{pipe, "/dev/zero", link} {
		_, err := outside.ReadFile(name, 1024)
		require.Equal(t, "it is not a regular file", outside.Reason(err))
	}
	_, err := outside.ReadFile(t.TempDir(), 1024)
	require.Equal(t, "is a directory", outside.Reason(err))
	_, err = outside.ReadFile(filepath.Join(t.TempDir(), "missing"), 1024)
	require.ErrorIs(t, err, fs.ErrNotExist)
}
