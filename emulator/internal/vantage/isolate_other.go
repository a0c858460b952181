//go:build !linux

package vantage

import (
	"context"
	"errors"
)

var errLinuxOnly = errors.New("isolated programs need Linux: use the proxy, or a container")

func runIsolated(context.Context, RunOptions, *Relay, []string) (int, error) { return 0, errLinuxOnly }

// IsolatedChild is for Linux alone; see there.
func IsolatedChild([]string) error { return errLinuxOnly }
