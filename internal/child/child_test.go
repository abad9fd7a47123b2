//go:build unix

package child

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// ownerVariable makes the test binary an owner instead, which starts what the variable says and is killed.
const ownerVariable = "CHILD_TEST_OWNER"

func TestMain(m *testing.M) {
	if command := os.Getenv(ownerVariable); command != "" {
		own(command)
	}
	goleak.VerifyTestMain(m)
}

func own(command string) {
	watchdog, err := Watch(inGroup(300 * time.Millisecond))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	cmd := shell(command)
	cmd.Stdout = os.Stdout
	if _, err := watchdog.Start(cmd); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(owned)
	select {}
}

// owned is what an owner says when its watchdog knows of the child.
const owned = "owned"

func inGroup(patience time.Duration) Duty {
	return Duty{Name: "child-test", Signal: "TERM", Group: true, Patience: patience, Environment: []string{"PATH=" + os.Getenv("PATH")}}
}

func shell(command string) *exec.Cmd { return exec.Command("/bin/sh", "-c", command) }

const patience = 30 * time.Second // for what comes within moments

// requireEnded waits until the processes have ended; a zombie has.
func requireEnded(t *testing.T, pids ...string) {
	t.Helper()
	require.Eventually(t, func() bool {
		out, err := exec.Command("ps", "-o", "stat=", "-p", strings.Join(pids, ",")).Output()
		return err != nil || !strings.ContainsAny(string(out), "RSDT")
	}, patience, 20*time.Millisecond, "%v are left", pids)
}

// Both processes say their ids. The second one does not end when it is asked to.
const stubborn = `echo $$; sh -c 'trap "" TERM; echo $$; while :; do sleep 0.1; done' & wait`

func TestTheGroupOfAKilledOwnerEnds(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	owner := exec.Command(self)
	owner.Env = append(os.Environ(), ownerVariable+"="+stubborn)
	output, err := owner.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, owner.Start())
	lines := bufio.NewScanner(output)
	var pids []string
	for range 3 {
		require.True(t, lines.Scan())
		if said := lines.Text(); said != owned {
			pids = append(pids, said)
		}
	}
	require.NoError(t, owner.Process.Kill())
	_ = owner.Wait()
	requireEnded(t, pids...)
}

func TestStopGroupEndsTheWholeGroup(t *testing.T) {
	for name, test := range map[string]struct {
		command string
		count   int // of process ids that it prints
		forced  bool
	}{
		"one process":                    {"echo $$; exec sleep 600", 1, false},
		"suspended":                      {"echo $$; kill -s STOP $$; sleep 600", 1, false},
		"one that does not listen":       {`trap "" TERM; echo $$; while :; do sleep 0.1; done`, 1, true},
		"a child that does not listen":   {stubborn, 2, false},
		"a child that its parent leaves": {"sleep 600 & echo $!", 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			watchdog, err := Watch(inGroup(300 * time.Millisecond))
			require.NoError(t, err)
			read, write, err := os.Pipe()
			require.NoError(t, err)
			cmd := shell(test.command)
			cmd.Stdout = write
			p, err := watchdog.Start(cmd)
			require.NoError(t, err)
			require.NoError(t, write.Close())
			lines := bufio.NewScanner(read)
			var pids []string
			for range test.count {
				require.True(t, lines.Scan())
				pids = append(pids, lines.Text())
			}
			require.Equal(t, test.forced, p.StopGroup())
			require.False(t, p.Running())
			requireEnded(t, pids...)
			require.NoError(t, watchdog.Dismiss())
			require.NoError(t, read.Close())
		})
	}
}

func TestTheWatchdogEndsItsChildAndRemovesItsDirectory(t *testing.T) {
	for name, group := range map[string]bool{"alone": false, "in a group": true} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			require.NoError(t, os.Mkdir(dir, 0o700))
			duty := inGroup(patience)
			duty.Group, duty.Dir = group, dir
			watchdog, err := Watch(duty)
			require.NoError(t, err)
			p, err := watchdog.Start(exec.Command("sleep", "600"))
			require.NoError(t, err)
			require.NoError(t, watchdog.Dismiss())
			require.NoDirExists(t, dir)
			<-p.Exited()
			require.EqualError(t, p.Err(), "signal: terminated")
		})
	}
}

func TestTheWatchdogSparesWhoHasTheProcessIDOfAnEndedChild(t *testing.T) {
	other := exec.Command("sleep", "600")
	other.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	require.NoError(t, other.Start())
	for name, say := range map[string]string{
		"the last child":     "%[1]d\n-%[1]d\n",
		"an earlier one":     "%[1]d\n%[2]d\n-%[1]d\n-%[2]d\n",
		"told after another": "%[1]d\n-%[2]d\n-%[1]d\n",
	} {
		t.Run(name, func(t *testing.T) {
			const nobody = 1 << 30 // no system has such a process id
			watchdog, err := Watch(inGroup(0))
			require.NoError(t, err)
			_, err = fmt.Fprintf(watchdog.owner, say, other.Process.Pid, nobody)
			require.NoError(t, err)
			require.NoError(t, watchdog.Dismiss())
		})
	}
	require.NoError(t, other.Process.Signal(syscall.Signal(0)))
	require.NoError(t, other.Process.Kill())
	require.EqualError(t, other.Wait(), "signal: killed", "and not by the watchdog")
}

func TestAChildThatHasEndedIsForgotten(t *testing.T) {
	said, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	w := &Watchdog{owner: said}
	p, err := w.Start(shell("exit 3"))
	require.NoError(t, err)
	<-p.Exited()
	require.EqualError(t, p.Err(), "exit status 3")
	text, err := os.ReadFile(said.Name())
	require.NoError(t, err)
	pid := strconv.Itoa(p.Pid())
	require.Equal(t, pid+"\n-"+pid+"\n", string(text))
}
