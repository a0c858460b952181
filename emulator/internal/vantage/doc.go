// Package vantage brings requests to the emulator with the place they come from.
//
// There are two ways in. A [Listener] takes connections as the real network brings them: the address judged is the
// peer's. A [Proxy] takes those of clients that say in whose name they come: the proxy user name is the place, and the
// proxy routes as that place's network would. Either way one http.Handler answers, in this process; nothing that
// reaches the proxy can leave the machine.
//
// [Run] starts a program at a place: with a [Relay] of its own, which needs no credentials, and with the variables that
// make the common stacks use it and trust the emulator's [CA]; or, on Linux, in a network of its own (see
// [RunOptions].Isolated), for programs that know no proxies.
package vantage
