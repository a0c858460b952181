// Command guest is what runs in the containers of the tests: each argument list is a trick to try in there.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

func main() { os.Exit(guest(os.Args[1:])) }

func guest(args []string) int {
	if len(args) == 0 {
		return 0
	}
	do, ok := tricks[args[0]]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such trick:", args[0])
		return 99
	}
	if err := do(args[1:]); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

// tricks are what it can do there.
var tricks = map[string]func(args []string) error{
	"echo":  func(args []string) error { fmt.Println(strings.Join(args, " ")); return nil },
	"env":   func(args []string) error { fmt.Println(os.Getenv(args[0])); return nil },
	"cat":   cat,
	"write": func(args []string) error { return os.WriteFile(args[0], []byte(strings.Join(args[1:], " ")), 0o644) },
	"stdin": func([]string) error { _, err := io.Copy(os.Stdout, os.Stdin); return err },
	"get":   get,
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

// get sends a line to an address and prints the answer.
func get(args []string) error {
	c, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := fmt.Fprintln(c, "hello"); err != nil {
		return err
	}
	b, err := io.ReadAll(c)
	fmt.Print(string(b))
	return err
}
