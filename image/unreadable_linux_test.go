package image

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// What can't be read is named, file or folder, unless it is ignored. The test may run as root, who can read everything: one
// thread of it becomes nobody for the file system, and ends with the test.
func TestContextUnreadable(t *testing.T) {
	t.Parallel()
	for name, ignore := range map[string]string{"file": "", "folder": "", "file ignored": "secret\n", "folder ignored": "secret\n", "folder looked into": "secret\n!secret/x\n"} {
		dir := folder(t, map[string]string{"Dockerfile": "FROM scratch\n", ".dockerignore": ignore})
		secret := filepath.Join(dir, "secret")
		var err error
		if name[1] == 'o' {
			err = os.Mkdir(secret, 0)
		} else {
			err = os.WriteFile(secret, nil, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		c := opened(t, dir)
		failed := make(chan error)
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			err := syscall.Setfsuid(65534)
			if err == nil {
				err = c.hash(newHash())
			}
			failed <- err
		}()
		want := "secret can't be read: permission denied; get the permission to read it, or list it in .dockerignore"
		if ignore == "secret\n" {
			want = ""
		}
		if got := hinted(<-failed); got != want {
			t.Errorf("%s: error %q, want %q", name, got, want)
		}
	}
}
