package vantage

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// proxyBlind are the commands that are known to ignore the proxy variables, or part of what Environment sets, and what
// to do about it. In an isolated network none of it matters.
var proxyBlind = []struct {
	commands []string
	warning  string
}{
	{[]string{"docker", "docker-compose", "az acr login"}, "its daemon does the pulling and pushing, from outside the place: add --isolated"},
	{[]string{"dockerd", "containerd", "crictl", "kubelet"}, "it is used to proxies that its service file names: add --isolated"},
	{[]string{"node", "npm", "npx", "yarn", "pnpm"}, "node before version 24 ignores proxies: add --isolated if yours is older"},
	{[]string{"wget"}, "it does not read the variables for certificates: use curl, --ca-certificate=$SSL_CERT_FILE, or add --isolated"},
	{[]string{"sudo", "doas"}, "it drops the place's variables: use sudo -E, or add --isolated"},
	{[]string{"ping", "dig", "nslookup", "host", "nc", "ncat", "telnet", "openssl", "ssh"}, "it knows no proxies: add --isolated"},
}

// wrappers start another program, which is the one that matters.
var wrappers = map[string]bool{"env": true, "time": true, "nice": true, "exec": true, "command": true, "nohup": true}

// Situation is what a warning depends on besides the command.
type Situation struct {
	// Isolated says that the program runs in a network of its own.
	Isolated bool
	// Ports are the emulator's service ports on this machine.
	Ports []int
}

// Warnings returns what a person should know before a command runs at a place: that the program ignores proxies, or that
// an argument names the emulator by an address that clients never send through one. Usually there are none.
func Warnings(command []string, s Situation) []string {
	var warnings []string
	for _, blind := range proxyBlind {
		for _, name := range blind.commands {
			if runs(command, name) && !s.Isolated {
				warnings = append(warnings, name+": "+blind.warning)
			}
		}
	}
	for _, argument := range command {
		if address, ok := localAddress(argument, s.Ports); ok {
			warnings = append(warnings, fmt.Sprintf(
				"%s: clients do not send this through a proxy, so that it does not come from the place: write NAME.azurecr.io", address))
		}
	}
	return warnings
}

// NeedsDaemon reports whether a command is Docker's client, or starts it, which does nothing without a daemon at the
// place.
func NeedsDaemon(command []string) bool {
	return runs(command, "docker") || runs(command, "az acr login")
}

// runs reports whether a command is what name says, or that with arguments. With --expose-token, az acr login does without
// docker (az-cli §6).
func runs(command []string, name string) bool {
	words := programOf(command)
	wanted := strings.Fields(name)
	if len(words) < len(wanted) || !slices.Equal(words[:len(wanted)], wanted) {
		return false
	}
	return wanted[0] != "az" || !slices.Contains(words, "--expose-token") && !slices.Contains(words, "-t")
}

// programOf returns the program that a command runs in the end, by its name, and its arguments.
func programOf(command []string) []string {
	for i, word := range command {
		name := strings.TrimSuffix(filepath.Base(word), ".exe")
		if wrappers[name] || strings.HasPrefix(word, "-") || strings.Contains(word, "=") {
			continue
		}
		return append([]string{name}, command[i+1:]...)
	}
	return nil
}

// localAddress finds this machine and one of the ports in an argument.
func localAddress(argument string, ports []int) (string, bool) {
	for _, host := range []string{"localhost", "127.0.0.1", "::1"} {
		for _, port := range ports {
			address := net.JoinHostPort(host, strconv.Itoa(port))
			at := strings.Index(argument, address)
			if at < 0 {
				continue
			}
			before, after := argument[:at], argument[at+len(address):]
			if !continues(before, true) && !continues(after, false) {
				return address, true
			}
		}
	}
	return "", false
}

// continues reports whether the text beside an address belongs to a longer name or number.
func continues(text string, before bool) bool {
	if text == "" {
		return false
	}
	c := text[0]
	if before {
		c = text[len(text)-1]
	}
	isDigit := c >= '0' && c <= '9'
	return isDigit || before && (c == '.' || c == '-' || c >= 'a' && c <= 'z')
}
