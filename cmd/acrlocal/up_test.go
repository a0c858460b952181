package main

import (
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator"
)

// TestSuggest: what up proposes works with this emulator and this seed.
func TestSuggest(t *testing.T) {
	for _, c := range []struct {
		name, manage string
		config       []string
		want         string
	}{
		{"the usual one", "http://127.0.0.1:5081", nil, "      acrlocal from containerGroups/worker -- crane manifest myregistry.azurecr.io/hello:v1\n"},
		{"a second one", "http://127.0.0.1:7081", nil, "      acrlocal from --manage 127.0.0.1:7081 containerGroups/worker -- "},
		{"another environment", "http://127.0.0.1:5081", []string{"mine.yaml"}, "      acrlocal status\n"},
		{"a second one with another environment", "http://127.0.0.1:7081", []string{"mine.yaml"}, "      acrlocal status --manage 127.0.0.1:7081\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			(&upCommand{Config: c.config}).suggest(&out, emulator.Endpoints{Service: "http://127.0.0.1:5080", Manage: c.manage, ClientID: "id", ClientSecret: "secret"})
			check(t, "the suggestion", out.String(), []string{"docker login 127.0.0.1:5080 -u id -p secret\n", c.want})
		})
	}
}

// TestLoopback: which addresses only this machine reaches.
func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:5080": true, "127.9.9.9:0": true, "[::1]:5080": true, "localhost:5080": true,
		"0.0.0.0:5080": false, ":5080": false, "[::]:5080": false, "192.0.2.1:5080": false, "registry.example:5080": false, "5080": false,
	} {
		if got := loopback(address); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}
