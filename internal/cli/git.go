package cli

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

var commit = regexp.MustCompile(`^[0-9a-f]{12,64}(-dirty)?$`)

// gitRevision is the commit of the work tree that a folder is in, "0123456789ab", with "-dirty" behind it when tracked
// files differ from it; "" without git, without a work tree, without a commit, and when git takes longer than a moment.
func gitRevision(ctx context.Context, dir string) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	// fsmonitor would run a program that the folder names.
	cmd := exec.CommandContext(ctx, "git", "-c", "core.fsmonitor=false", "-C", dir, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if text := strings.TrimSpace(string(out)); err == nil && commit.MatchString(text) {
		return text
	}
	return ""
}

// git is the commit of the manifest's folder, for the tag of a task definition.
func (s *session) git(ctx context.Context) string { return gitRevision(ctx, s.app.Manifest.Dir) }
