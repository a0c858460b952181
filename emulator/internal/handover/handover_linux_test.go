package handover

import (
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHandover(t *testing.T) {
	for about, kind := range map[string]int{"messages": unix.SOCK_SEQPACKET, "a stream": unix.SOCK_STREAM} {
		t.Run(about, func(t *testing.T) {
			outer, inner, err := Pair(kind)
			if err != nil {
				t.Fatal(err)
			}
			other, err := Conn(inner)
			if err != nil {
				t.Fatal(err)
			}
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := Send(outer, []byte("a pipe"), writer); err != nil {
				t.Fatal(err)
			}
			_ = writer.Close()
			message := make([]byte, 100)
			n, files, err := Receive(other, message)
			if err != nil || string(message[:n]) != "a pipe" || len(files) != 1 {
				t.Fatalf("%q, %d files, %v", message[:n], len(files), err)
			}
			if flags, err := unix.FcntlInt(files[0].Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("the file would go on to other programs: %v %v", flags, err)
			}
			if _, err := files[0].WriteString("through it"); err != nil {
				t.Error(err)
			}
			CloseAll(files)
			if got, err := io.ReadAll(reader); string(got) != "through it" {
				t.Errorf("%q %v", got, err)
			}
			_ = outer.Close()
			if _, _, err := Receive(other, message); !errors.Is(err, io.EOF) {
				t.Errorf("after the end: %v, want io.EOF", err)
			}
		})
	}
}

func TestHandoverRefuses(t *testing.T) {
	outer, inner, err := Pair(unix.SOCK_STREAM)
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	if err := Send(outer, []byte("x"), make([]*os.File, maxFiles+1)...); err == nil {
		t.Error("more files than the kernel takes were sent")
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Conn(null); err == nil {
		t.Error("a device was taken for a socket")
	}
}
