package vantage

import (
	"strings"
	"testing"
)

func TestWarnings(t *testing.T) {
	ports := []int{5080}
	for _, c := range []struct {
		command  string
		isolated bool
		want     string // part of the only warning; empty is none
	}{
		{"crane pull myregistry.azurecr.io/hello:v1 out.tar", false, ""},
		{"docker pull myregistry.azurecr.io/hello", false, "its daemon"},
		{"/usr/bin/docker pull x", false, "its daemon"},
		{"env A=b docker pull x", false, "its daemon"},
		{"docker pull x", true, ""},
		{"node app.js", false, "version 24"},
		{"crane pull localhost:5080/hello:v1 out.tar", false, "localhost:5080"},
		{"curl http://127.0.0.1:5080/v2/", false, "127.0.0.1:5080"},
		{"curl http://[::1]:5080/v2/", false, "[::1]:5080"},
		{"crane pull localhost:5080/hello:v1 out.tar", true, "localhost:5080"},
		{"curl http://localhost:50800/", false, ""},
		{"curl http://my.localhost:5080/", false, ""},
		{"curl http://azurelocalhost:5080/", false, ""},
		{"curl http://localhost:5081/", false, ""},
		{"az acr login --name myregistry", false, "add --isolated"},
		{"az acr login --name myregistry --expose-token", false, ""},
		{"", false, ""},
	} {
		got := Warnings(strings.Fields(c.command), Situation{Isolated: c.isolated, Ports: ports})
		switch {
		case c.want == "" && len(got) > 0:
			t.Errorf("%q: %q, want no warning", c.command, got)
		case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
			t.Errorf("%q: %q, want one with %q", c.command, got, c.want)
		}
	}
}

func TestNeedsDaemon(t *testing.T) {
	for command, want := range map[string]bool{
		"docker ps": true, "env A=b /usr/bin/docker ps": true, "crane": false, "": false,
		"az acr login --name myregistry": true, "az acr show": false, "az": false,
		"az acr login --name myregistry --expose-token": false, "az acr login -n myregistry -t": false,
	} {
		if got := NeedsDaemon(strings.Fields(command)); got != want {
			t.Errorf("%q: %v", command, got)
		}
	}
}
