//go:build unix

package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
)

// roleVariable makes the test binary an owner of a server instead: a process that starts one
// and then ends in the way that its role says.
const roleVariable = "EMBEDDED_TEST_ROLE"

const (
	roleWaits     = "waits"   // until it is killed
	roleForgets   = "forgets" // ends without a Stop
	rolePanics    = "panics"
	roleStops     = "stops"     // as it should be
	roleInterrupt = "interrupt" // handles Ctrl-C, uses the server once more, stops it
	roleInitdb    = "initdb"    // is killed before the server is up
)

// own is an owner's main function. It says the server's directory and process id once it runs.
func own(role string) int {
	interrupted := make(chan os.Signal, 1)
	if role == roleInterrupt {
		signal.Notify(interrupted, os.Interrupt)
	}
	server, err := embedded.Start(context.Background(), embedded.Config{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(server.Dir(), server.Pid())
	switch role {
	case roleWaits, roleInitdb:
		select {}
	case rolePanics:
		panic("as told")
	case roleStops:
		err = server.Stop()
	case roleInterrupt:
		<-interrupted
		err = useAndStop(server)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func useAndStop(server *embedded.Server) error {
	conn, err := pgx.Connect(context.Background(), server.URL())
	if err != nil {
		return err
	}
	if err := conn.Close(context.Background()); err != nil {
		return err
	}
	fmt.Println("still there")
	return server.Stop()
}

// owner is another process that has a server.
type owner struct {
	cmd    *exec.Cmd
	output *bufio.Reader
}

// startOwner runs the test binary in a process group of its own, as a terminal would.
func startOwner(t *testing.T, binary, role string, as *syscall.Credential) *owner {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: as}
	output, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &owner{cmd: cmd, output: bufio.NewReader(output)}
}

// server waits for the server and returns its directory and process id.
func (o *owner) server(t *testing.T) (dir string, pid int) {
	t.Helper()
	line, err := o.output.ReadString('\n')
	require.NoError(t, err, line)
	fields := strings.Fields(line)
	require.Len(t, fields, 2, line)
	pid, err = strconv.Atoi(fields[1])
	require.NoError(t, err)
	return fields[0], pid
}

// pressCtrlC signals the whole foreground process group, as a terminal does.
func (o *owner) pressCtrlC(t *testing.T) {
	t.Helper()
	require.NoError(t, syscall.Kill(-o.cmd.Process.Pid, syscall.SIGINT))
}

// requireGone waits until neither a process nor a file of a server is left.
func requireGone(t *testing.T, dir string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := os.Lstat(dir)
		return os.IsNotExist(err) && len(processes(t, dir)) == 0
	}, patience, 5*glance, "processes or files of %s are left", dir)
}

// forEveryAccount runs a test as the present user and, where that is root, as an ordinary one too.
func forEveryAccount(t *testing.T, test func(t *testing.T, binary string, as *syscall.Credential)) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	t.Run("present user", func(t *testing.T) {
		openDir(t)
		test(t, self, nil)
	})
	if os.Geteuid() != 0 {
		return
	}
	t.Run("ordinary user", func(t *testing.T) {
		binary := filepath.Join(openDir(t), "owner") // go test's own folder is private to root
		content, err := os.ReadFile(self)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(binary, content, 0o755))
		test(t, binary, nobody(t))
	})
}

func nobody(t *testing.T) *syscall.Credential {
	t.Helper()
	found, err := user.Lookup("nobody")
	require.NoError(t, err)
	uid, err := strconv.Atoi(found.Uid)
	require.NoError(t, err)
	gid, err := strconv.Atoi(found.Gid)
	require.NoError(t, err)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func TestTheServerGoesWithItsOwner(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	for role, code := range map[string]int{roleForgets: 0, rolePanics: 2, roleStops: 0} {
		t.Run(role, func(t *testing.T) {
			openDir(t)
			o := startOwner(t, self, role, nil)
			dir, _ := o.server(t)
			_ = o.cmd.Wait()
			require.Equal(t, code, o.cmd.ProcessState.ExitCode())
			requireGone(t, dir)
		})
	}
}

func TestTheServerGoesWithAKilledOwner(t *testing.T) {
	forEveryAccount(t, func(t *testing.T, binary string, as *syscall.Credential) {
		o := startOwner(t, binary, roleWaits, as)
		dir, _ := o.server(t)
		require.NoError(t, o.cmd.Process.Kill())
		_ = o.cmd.Wait()
		requireGone(t, dir)
	})
}

func TestCtrlCEndsAnOwnerThatDoesNotHandleIt(t *testing.T) {
	forEveryAccount(t, func(t *testing.T, binary string, as *syscall.Credential) {
		o := startOwner(t, binary, roleWaits, as)
		dir, _ := o.server(t)
		o.pressCtrlC(t)
		_ = o.cmd.Wait()
		requireGone(t, dir)
	})
}

func TestCtrlCLeavesTheServerToItsOwner(t *testing.T) {
	forEveryAccount(t, func(t *testing.T, binary string, as *syscall.Credential) {
		o := startOwner(t, binary, roleInterrupt, as)
		dir, _ := o.server(t)
		o.pressCtrlC(t)
		rest, err := io.ReadAll(o.output)
		require.NoError(t, err)
		require.Equal(t, "still there\n", string(rest))
		require.NoError(t, o.cmd.Wait())
		requireGone(t, dir)
	})
}

func TestAnOwnerKilledWhileInitializing(t *testing.T) {
	forEveryAccount(t, func(t *testing.T, binary string, as *syscall.Credential) {
		temp := os.Getenv("TMPDIR")
		o := startOwner(t, binary, roleInitdb, as)
		awaitFile(t.Context(), temp+"/*/data/base")
		require.NoError(t, o.cmd.Process.Kill())
		_ = o.cmd.Wait()
		requireGone(t, temp+"/xk6-pgxpool-postgres-")
		left, err := filepath.Glob(temp + "/xk6-pgxpool-postgres-*")
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

func TestASuspendedServerGoesWithItsOwner(t *testing.T) {
	openDir(t)
	self, err := os.Executable()
	require.NoError(t, err)
	o := startOwner(t, self, roleWaits, nil)
	dir, pid := o.server(t)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	require.NoError(t, o.cmd.Process.Kill())
	_ = o.cmd.Wait()
	requireGone(t, dir)
	require.NotContains(t, sharedMemoryCreators(t), strconv.Itoa(pid), "it had the chance to clean up")
}
