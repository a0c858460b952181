// Web is a program for containers: it serves a greeting on a port, or tries what no container may do.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 2 {
		err := http.ListenAndServe(":"+os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "hello from %s\n", r.Host)
		}))
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, address := range os.Args[2:] {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = c.Close()
			fmt.Println("reached", address)
		}
	}
	for _, call := range []struct {
		name string
		do   func() error
	}{
		{"mount", func() error { return syscall.Mount("none", "/", "tmpfs", 0, "") }},
		{"write core_pattern", func() error { return os.WriteFile("/proc/sys/kernel/core_pattern", []byte("x"), 0) }},
		{"mknod", func() error { return syscall.Mknod("/sda", syscall.S_IFBLK|0o600, 8<<8) }},
		{"reboot", func() error { return syscall.Reboot(syscall.LINUX_REBOOT_CMD_CAD_OFF) }},
		{"unshare", func() error { return syscall.Unshare(syscall.CLONE_NEWUSER) }},
	} {
		if call.do() == nil {
			fmt.Println("could", call.name)
		}
	}
	fmt.Println("tried everything")
}
