package pgtest

import "os"

// Temp is a folder in which every account may work, for what a test gives to the server's: /dev/shm where it has room
// for servers. On a disk most of a test server's time goes into making and removing its thousand files.
func Temp() string { return temp }

var temp = "/tmp"

// useTemp lets os.TempDir and the programs that tests start use Temp, unless TMPDIR names another folder.
func useTemp() error {
	if os.Getenv("TMPDIR") != "" {
		return nil
	}
	if dir := memory(); dir != "" {
		temp = dir
		return os.Setenv("TMPDIR", dir)
	}
	return nil
}
