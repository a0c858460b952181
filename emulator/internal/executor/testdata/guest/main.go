// Command guest is what runs in the containers of the tests: each of its arguments "then" separates one trick from the next.
package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	rest := os.Args[1:]
	for len(rest) > 0 {
		trick := rest
		rest = nil
		if n := slices.Index(trick, "then"); n >= 0 {
			trick, rest = trick[:n], trick[n+1:]
		}
		do, ok := tricks[trick[0]]
		if !ok {
			do, ok = attacks[trick[0]]
		}
		if !ok {
			fmt.Println("no such trick:", trick[0])
			os.Exit(99)
		}
		if err := do(trick[1:]); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
}

// tricks are what it can do.
var tricks = map[string]func(args []string) error{
	"echo":    func(args []string) error { fmt.Println(strings.Join(args, " ")); return nil },
	"err":     func(args []string) error { fmt.Fprintln(os.Stderr, strings.Join(args, " ")); return nil },
	"env":     func(args []string) error { fmt.Println(os.Getenv(args[0])); return nil },
	"id":      id,
	"pwd":     func([]string) error { dir, err := os.Getwd(); fmt.Println(dir); return err },
	"exit":    func(args []string) error { os.Exit(number(args[0])); return nil },
	"ls":      ls,
	"cat":     cat,
	"append":  appendTo,
	"write":   func(args []string) error { return os.WriteFile(args[0], []byte(strings.Join(args[1:], " ")), 0o644) },
	"hole":    func(args []string) error { return os.Truncate(args[0], int64(number(args[1]))<<20) },
	"mkdir":   func(args []string) error { return os.MkdirAll(args[0], 0o755) },
	"rm":      func(args []string) error { return os.RemoveAll(args[0]) },
	"chmod":   func(args []string) error { return syscall.Chmod(args[0], octal(args[1])) },
	"chown":   func(args []string) error { return os.Lchown(args[0], number(args[1]), number(args[2])) },
	"symlink": func(args []string) error { return os.Symlink(args[0], args[1]) },
	"link":    func(args []string) error { return os.Link(args[0], args[1]) },
	"rename":  func(args []string) error { return os.Rename(args[0], args[1]) },
	"fifo":    func(args []string) error { return syscall.Mkfifo(args[0], 0o600) },
	"xattr":   xattr,
	"stdin":   func([]string) error { _, err := io.Copy(os.Stdout, os.Stdin); return err },
	"get":     get,
	"lookup":  lookup,
	"listen":  listen,
	"sleep": func(args []string) error {
		fmt.Println("ready")
		time.Sleep(time.Duration(number(args[0])) * time.Second)
		return nil
	},
	"trap":    trap,
	"tty":     tty,
	"suicide": func([]string) error { return syscall.Kill(os.Getpid(), syscall.SIGSEGV) },
	"spawn":   spawn,
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

func octal(s string) uint32 {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil {
		panic(err)
	}
	return uint32(n)
}

func id([]string) error {
	groups, err := os.Getgroups()
	fmt.Println(os.Getuid(), os.Getgid(), groups)
	return err
}

// xattr sets an attribute to a value in hexadecimal.
func xattr(args []string) error {
	value, err := hex.DecodeString(args[2])
	if err != nil {
		return err
	}
	return syscall.Setxattr(args[0], args[1], value, 0)
}

func ls(args []string) error {
	entries, err := os.ReadDir(args[0])
	for _, e := range entries {
		fmt.Println(e.Name())
	}
	return err
}

func cat(args []string) error {
	for _, name := range args {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Print(string(b))
	}
	return nil
}

func appendTo(args []string) error {
	f, err := os.OpenFile(args[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(args[1])
	return err
}

// get sends a line to an address and prints the answer.
func get(args []string) error {
	c, err := net.DialTimeout("tcp", args[0], 3*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := fmt.Fprintln(c, "hello"); err != nil {
		return err
	}
	b, err := io.ReadAll(c)
	fmt.Print(string(b))
	if len(b) == 0 {
		return errors.Join(err, io.ErrUnexpectedEOF)
	}
	return nil
}

func lookup(args []string) error {
	began := time.Now()
	addrs, err := net.LookupHost(args[0])
	if took := time.Since(began); took > 2*time.Second {
		return fmt.Errorf("that took %v", took)
	}
	var missing *net.DNSError
	if errors.As(err, &missing) && missing.IsNotFound {
		fmt.Println("no such host")
		return nil
	}
	fmt.Println(strings.Join(addrs, " "))
	return err
}

// listen answers every line that comes to a port with what follows, until it is stopped.
func listen(args []string) error {
	l, err := net.Listen("tcp4", ":"+args[0])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		_, _ = c.Read(make([]byte, 100))
		fmt.Fprintln(c, strings.Join(args[1:], " "))
		c.Close()
	}
}

// trap waits for a signal and tells which.
func trap([]string) error {
	got := make(chan os.Signal, 1)
	signal.Notify(got)
	fmt.Println("ready")
	for s := range got {
		if s != syscall.SIGURG {
			fmt.Println("got", s)
			return nil
		}
	}
	return nil
}

func tty([]string) error {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintln(f, "to the terminal, TERM", os.Getenv("TERM"))
	return err
}

// spawn leaves another process behind, which would go on for long.
func spawn(args []string) error {
	p, err := os.StartProcess("/guest", append([]string{"guest"}, args...), &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err == nil {
		fmt.Println("left", p.Pid > 0)
	}
	return err
}
