package sandbox

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Account is who a program runs as.
type Account struct {
	// UID and GID are the numbers of user and group.
	UID, GID int
	// Groups are the others that the user is in.
	Groups []int
	// Home is the home directory; "/" if the image does not know the user.
	Home string
}

// maxID is the largest number of a user or group.
const maxID = 1<<32 - 2

// maxAccountLine is the length of a line of passwd or group that is still read.
const maxAccountLine = 64 << 10

// FindAccount finds the account of a user as in a Dockerfile, "name", "number", with ":group" perhaps; empty is root.
// passwd and group are the image's files, and may be nil. A number need not be in them, a name must.
func FindAccount(user string, passwd, group io.Reader) (Account, error) {
	name, groupName, _ := strings.Cut(user, ":")
	if name == "" {
		name = "0"
	}
	a := Account{UID: -1, Home: "/"}
	if n, ok := number(name); ok {
		a.UID = n
	}
	login := name
	eachLine(passwd, 7, func(f []string) bool {
		uid, ok := number(f[2])
		gid, gidOK := number(f[3])
		if !ok || !gidOK || f[0] != name && uid != a.UID {
			return true
		}
		a.UID, a.GID, a.Home, login = uid, gid, f[5], f[0]
		return false
	})
	if a.UID < 0 {
		return a, fmt.Errorf("unable to find user %s: no matching entries in passwd file", name)
	}
	return a, a.join(login, groupName, group)
}

// join sets the groups: the one that is asked for, or those that have the user as a member.
func (a *Account) join(login, wanted string, group io.Reader) error {
	grouped, found := wanted != "", false
	if n, ok := number(wanted); grouped && ok {
		a.GID, found = n, true
	}
	eachLine(group, 4, func(f []string) bool {
		gid, ok := number(f[2])
		switch {
		case !ok:
		case grouped && f[0] == wanted:
			a.GID, found = gid, true
			return false
		case !grouped && member(f[3], login) && gid != a.GID:
			a.Groups = append(a.Groups, gid)
		}
		return true
	})
	if grouped && !found {
		return fmt.Errorf("unable to find group %s: no matching entries in group file", wanted)
	}
	return nil
}

func member(members, login string) bool {
	for m := range strings.SplitSeq(members, ",") {
		if m == login {
			return true
		}
	}
	return false
}

func number(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return int(n), err == nil && n <= maxID
}

// eachLine calls f with the fields of each line that has enough of them, until f returns false.
func eachLine(r io.Reader, fields int, f func([]string) bool) {
	if r == nil {
		return
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxAccountLine)
	for lines.Scan() {
		if split := strings.Split(lines.Text(), ":"); len(split) >= fields && !f(split) {
			return
		}
	}
}
