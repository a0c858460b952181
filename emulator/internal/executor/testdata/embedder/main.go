// Package main is a program that embeds the executor, without anything of the machine that it would need in a container.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/executor"
)

func main() {
	if os.Args[1] == "linger" {
		fmt.Println("lingering")
		time.Sleep(time.Hour)
	}
	if err := executor.Child(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(126)
	}
}
