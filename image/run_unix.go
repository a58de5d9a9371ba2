//go:build unix

package image

import (
	"os/exec"
	"syscall"
)

// together makes a process group of a command and all that it starts, which an interrupt reaches as a whole: a shell waits for
// its programs and tells them nothing. The function kills what is left of the group.
func together(cmd *exec.Cmd) (kill func()) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	return func() {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // an error is that nobody is left
		}
	}
}
