package sandbox

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

const (
	passwd = "root:x:0:0:root:/root:/bin/sh\n# a comment\nuser:x:1000:1001::/home/user:/bin/sh\nbroken:x:many:0::/:\nshort:x:5\n12:x:77:78::/twelve:\n"
	group  = "root:x:0:\nuser:x:1001:\nmore:x:2000:other,user\nnone:x:2001:users\nbad:x:y:user\n"
)

func TestFindAccount(t *testing.T) {
	for user, want := range map[string]string{
		"":                  "0:0 [] /root",
		"root":              "0:0 [] /root",
		"user":              "1000:1001 [2000] /home/user",
		"1000":              "1000:1001 [2000] /home/user",
		"4711":              "4711:0 [] /",
		"user:more":         "1000:2000 [] /home/user",
		"user:0":            "1000:0 [] /home/user",
		"4711:4712":         "4711:4712 [] /",
		"12":                "77:78 [] /twelve", // a name goes before a number
		"nobody":            "unable to find user nobody: no matching entries in passwd file",
		"broken":            "unable to find user broken: no matching entries in passwd file",
		"short":             "unable to find user short: no matching entries in passwd file",
		"-1":                "unable to find user -1: no matching entries in passwd file",
		"4294967295":        "unable to find user 4294967295: no matching entries in passwd file",
		"user:nobody":       "unable to find group nobody: no matching entries in group file",
		"user:":             "1000:1001 [2000] /home/user",
		"user:bad":          "unable to find group bad: no matching entries in group file",
		"root\nroot:x:0:0:": "unable to find user root\nroot: no matching entries in passwd file",
	} {
		a, err := FindAccount(user, strings.NewReader(passwd), strings.NewReader(group))
		got := fmt.Sprintf("%d:%d %v %s", a.UID, a.GID, a.Groups, a.Home)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", user, got, want)
		}
	}
}

// An image need not have the files.
func TestFindAccountWithoutFiles(t *testing.T) {
	if a, err := FindAccount("7:8", nil, nil); err != nil || a.UID != 7 || a.GID != 8 {
		t.Errorf("%+v %v", a, err)
	}
	if _, err := FindAccount("root", nil, nil); err == nil {
		t.Error("a name without a file was found")
	}
}

// FuzzFindAccount: whatever an image says, who is found is a number that can be, and root only if somebody said so.
func FuzzFindAccount(f *testing.F) {
	f.Add("user:more", passwd, group)
	f.Add("", "", "")
	f.Add("12", "a:b:c:d:e:f:g\n", ":::\n")
	f.Fuzz(func(t *testing.T, user, passwd, group string) {
		var files [2]io.Reader
		for i, content := range []string{passwd, group} {
			files[i] = strings.NewReader(content)
		}
		a, err := FindAccount(user, files[0], files[1])
		if err == nil && (a.UID < 0 || a.UID > maxID || a.GID < 0 || a.GID > maxID) {
			t.Errorf("%q: %+v", user, a)
		}
	})
}
