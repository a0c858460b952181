//go:build unix

package imagecase

import "syscall"

func mkfifo(name string) error { return syscall.Mkfifo(name, 0o600) }

// chmod knows the bits above 777 as Unix writes them.
func chmod(name string, mode int64) error { return syscall.Chmod(name, uint32(mode)) }
