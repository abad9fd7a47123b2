package pgtest

import "syscall"

// memory is a file system in memory with room for servers, from which programs may run, as tests write some;
// empty if there is none.
func memory() string {
	const (
		dir    = "/dev/shm"
		tmpfs  = 0x01021994
		noExec = 0x8
		enough = 4 << 30 // a server has 40 MB, and some grow to ten times that
	)
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil || fs.Type != tmpfs || fs.Flags&noExec != 0 {
		return ""
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < enough { // #nosec G115 -- a size
		return ""
	}
	return dir
}
