package native

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// An owner is who files are given to; a nil one leaves them with theirs.
type owner struct{ uid, gid int }

func (o *owner) of(n *node) (uid, gid int) {
	if o == nil {
		return n.uid, n.gid
	}
	return o.uid, o.gid
}

// maxPasswd is the most that is read of /etc/passwd and /etc/group.
const maxPasswd = 4 << 20

// findOwner reads USER[:GROUP], names or numbers. Names are looked up in the tree; one that is not there is root, as with
// BuildKit, but in a stage that has no files yet it is an error. A user without a group has the group of the same number, or the one that /etc/passwd says.
func (t *tree) findOwner(text string) (*owner, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // nobody in particular
	}
	o := &owner{}
	user, group, both := strings.Cut(text, ":")
	if id, ok := number(user); ok {
		o.uid, o.gid = id, id
	} else if err := t.entry("/etc/passwd", user, func(f []string) { o.uid, o.gid = atoi(f, 2), atoi(f, 3) }); err != nil {
		return nil, err
	}
	if !both {
		return o, nil
	}
	if id, ok := number(group); ok {
		o.gid = id
	} else if err := t.entry("/etc/group", group, func(f []string) { o.gid = atoi(f, 2) }); err != nil {
		return nil, err
	}
	return o, nil
}

// number is an id; root is one, whatever the image says.
func number(text string) (int, bool) {
	if text == "root" {
		return 0, true
	}
	id, err := strconv.ParseInt(text, 10, 32)
	return int(id), err == nil
}

// entry finds the line of a name in a file of users or groups.
func (t *tree) entry(file, name string, found func(fields []string)) error {
	if t.empty {
		return fmt.Errorf("there is no %s to look %q up in: use numbers", file, name)
	}
	text, err := t.read(file, maxPasswd)
	if errors.Is(err, errNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(strings.TrimSpace(line), ":"); f[0] == name && len(f) > 2 {
			found(f)
			return nil
		}
	}
	return nil
}

func atoi(fields []string, i int) int {
	if i >= len(fields) {
		return 0
	}
	n, err := strconv.Atoi(fields[i])
	if err != nil {
		return 0
	}
	return n
}
