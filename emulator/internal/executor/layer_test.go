//go:build linux

package executor

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// listing is a layer, a line for each entry: kind, mode, owner, name, what a link leads to or a file holds, attributes.
func listing(t *testing.T, l v1.Layer) string {
	t.Helper()
	r, err := l.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b strings.Builder
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		content, _ := io.ReadAll(archive)
		fmt.Fprintf(&b, "%c %04o %d:%d %s %s", kindOf[h.Typeflag], h.Mode, h.Uid, h.Gid, h.Name, h.Linkname+string(content))
		for k, v := range h.PAXRecords {
			if strings.HasPrefix(k, "SCHILY.xattr.") {
				fmt.Fprintf(&b, " %s=%q", strings.TrimPrefix(k, "SCHILY.xattr."), v)
			}
		}
		b.WriteString("\n")
		if h.ModTime.Nanosecond() != 0 {
			t.Errorf("%s: %v is not in whole seconds", h.Name, h.ModTime)
		}
	}
}

var kindOf = map[byte]byte{tar.TypeReg: 'f', tar.TypeDir: 'd', tar.TypeSymlink: 'l', tar.TypeLink: 'h', tar.TypeFifo: 'p'}

// at is when the entries of the images below were made.
var at = time.Unix(1_700_000_000, 0)

func base(t *testing.T) []v1.Layer {
	t.Helper()
	dir := func(name string, mode int64) entry {
		return entry{tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode, ModTime: at}, ""}
	}
	file := func(name, content string) entry {
		return entry{tar.Header{Name: name, Mode: 0o644, ModTime: at}, content}
	}
	return []v1.Layer{
		archive(t, dir("etc/", 0o751), file("etc/passwd", "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n"),
			file("etc/group", "root:x:0:\nuser:x:1000:\nmore:x:2000:user,other\n"),
			dir("old/", 0o755), file("old/a", "a"), file("old/b", "b"), file("gone", "here")),
		archive(t, file(".wh.gone", ""), dir("old/", 0o755), file("old/c", "c"), dir("etc/", 0o751), dir("etc/ssl/", 0o755), dir("etc/ssl/certs/", 0o755),
			file("etc/ssl/certs/ca-certificates.crt", "one of the others\n")),
	}
}

func TestLayer(t *testing.T) {
	n := newNetwork(t, NetworkOptions{CA: certificate(t)})
	i := image(t, base(t)...)
	for _, c := range []struct {
		about, do, want string
	}{
		{"nothing", "echo", ""},
		{"a file at the root", "write /new text", "f 0644 0:0 new text\n"},
		{"a file in a directory of the image, which stays as it was", "write /etc/new text", "d 0751 0:0 etc/ \nf 0644 0:0 etc/new text\n"},
		{"directories, mode, owner", "mkdir /a/b then write /a/b/c x then chown /a/b/c 1000 2000 then chmod /a/b/c 4750", "d 0755 0:0 a/ \nd 0755 0:0 a/b/ \nf 4750 1000:2000 a/b/c x\n"},
		{"a change", "append /old/a more", "d 0755 0:0 old/ \nf 0644 0:0 old/a amore\n"},
		{"a removal", "rm /old/a", "d 0755 0:0 old/ \nf 0600 0:0 old/.wh.a \n"},
		{"a directory removed", "rm /old", "f 0600 0:0 .wh.old \n"},
		{"a directory made anew", "rm /old then mkdir /old then write /old/d d", "d 0755 0:0 old/ \nf 0755 0:0 old/.wh..wh..opq \nf 0644 0:0 old/d d\n"},
		{"made and removed", "write /tmp1 x then rm /tmp1", ""},
		{"links", "write /x 1 then link /x /y then symlink /x /z", "f 0644 0:0 x 1\nh 0644 0:0 y x\nl 0777 0:0 z /x\n"},
		{"a pipe", "fifo /pipe", "p 0600 0:0 pipe \n"},
		{"an attribute", "write /x 1 then xattr /x user.mine 796573", `f 0644 0:0 x 1 user.mine="yes"` + "\n"},
		{
			"a file's capability", "write /x 1 then xattr /x security.capability 0100000200200000000000000000000000000000",
			`f 0644 0:0 x 1 security.capability="\x01\x00\x00\x02\x00 \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"` + "\n",
		},
		{"the network's own files", "append /etc/hosts x then append /etc/resolv.conf x", ""},
		{"the authority's directory removed", "rm /run/acrlocal", "d 0755 0:0 run/ \n"},
		{"everything in the authority's directory", "rm /run", ""},
		{"trust is seen", "cat /etc/ssl/certs/ca-certificates.crt", ""},
	} {
		t.Run(c.about, func(t *testing.T) {
			if strings.Contains(c.do, "chown") && n.(*network).namespaces.ids.flat {
				t.Skip("there is one user alone")
			}
			l, err := n.Layer(t.Context(), spec(i, nil, strings.Fields(c.do)...))
			if err != nil {
				t.Fatal(err)
			}
			if got := listing(t, l); got != c.want {
				t.Errorf("%s:\n%swant\n%s", c.do, got, c.want)
			}
		})
	}
}

func TestLayerTimes(t *testing.T) {
	n := newNetwork(t, NetworkOptions{})
	l, err := n.Layer(t.Context(), spec(image(t, base(t)...), nil, "write", "/etc/ssl/new", "x"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var old []string
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if err != nil {
			break
		}
		if h.ModTime.Equal(at) {
			old = append(old, h.Name)
		}
	}
	if want := []string{"etc/"}; !slices.Equal(old, want) {
		t.Errorf("untouched are %v, want %v: mount points leave no trace", old, want)
	}
}

func TestLayerOfFailure(t *testing.T) {
	n := newNetwork(t, NetworkOptions{})
	_, err := n.Layer(t.Context(), spec(image(t), nil, "exit", "7"))
	if exit, ok := errors.AsType[*ExitError](err); !ok || exit.Code != 7 || exit.Reason != "" {
		t.Errorf("%v, want exit code 7", err)
	}
	s := spec(image(t), nil)
	s.Args = []string{"nothing-there"}
	if _, err := n.Layer(t.Context(), s); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
}
