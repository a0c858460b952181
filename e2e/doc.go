// Package e2e tests the project from outside: the tree itself, the binary, and real clients. It knows the binary, HTTP,
// and the public API of emulator, gate and identity; nothing internal.
package e2e
