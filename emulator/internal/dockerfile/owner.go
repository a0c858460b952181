package dockerfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
)

// owner is who a file belongs to, by number.
type owner struct{ uid, gid int }

// maxAccounts is how much of /etc/passwd or /etc/group is read, in bytes.
const maxAccounts = 4 << 20

// ownerNamed finds who --chown means: names are looked up in the image's files. Without a group, the number of the user is that
// of the group too, as in docker.
func ownerNamed(t *tree, text string) (owner, error) {
	who, group, hasGroup := strings.Cut(text, ":")
	if !hasGroup {
		group = who
	}
	uid, err := account(t, "/etc/passwd", who)
	if err != nil {
		return owner{}, fmt.Errorf("unable to convert uid/gid chown string to host mapping: can't find uid for user %s: %w", who, err)
	}
	gid, err := account(t, "/etc/group", group)
	if err != nil {
		return owner{}, fmt.Errorf("unable to convert uid/gid chown string to host mapping: can't find gid for group %s: %w", group, err)
	}
	return owner{uid, gid}, nil
}

// account finds a number, or the number of a name in a file of the form of /etc/passwd.
func account(t *tree, file, name string) (int, error) {
	if number, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(number), nil
	}
	n, err := t.stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, &fs.PathError{Op: "open", Path: file, Err: errors.New("no such file or directory")}
	}
	if err != nil {
		return 0, err
	}
	if n.open == nil {
		return 0, fmt.Errorf("%s: no regular file", file)
	}
	content, err := n.open()
	if err != nil {
		return 0, err
	}
	defer content.Close() //nolint:errcheck // it is only read
	return findAccount(io.LimitReader(content, maxAccounts), name)
}

// findAccount reads lines of name:password:number.
func findAccount(r io.Reader, name string) (int, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxAccounts)
	for lines.Scan() {
		fields := strings.Split(strings.TrimSpace(lines.Text()), ":")
		if len(fields) < 3 || fields[0] != name {
			continue
		}
		number, err := strconv.ParseUint(fields[2], 10, 31)
		return int(number), err
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("no such user: %s", name)
}
