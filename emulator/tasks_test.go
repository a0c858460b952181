package emulator

import "testing"

// TestIsThisMachine knows this machine by its name and addresses, and by nothing that only looks like them.
func TestIsThisMachine(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"a.localhost": false, "localhost.example": false, "notlocalhost": false, "10.0.0.1": false, "169.254.169.254": false, "0.0.0.0": false,
		"": false, "127.1": false,
	} {
		if isThisMachine(host) != want {
			t.Errorf("%q: %t", host, !want)
		}
	}
}

// TestIsPrivate: files and servers of this machine are sources of runs only where nobody else can schedule one.
func TestIsPrivate(t *testing.T) {
	here := Options{Listen: "127.0.0.1:0", Manage: "localhost:0"}
	for name, tc := range map[string]struct {
		change func(*Options)
		want   bool
	}{
		"this machine":            {func(*Options) {}, true},
		"another door, here":      {func(o *Options) { o.ListenAlso = []string{"127.0.0.2:0"} }, true},
		"every network":           {func(o *Options) { o.Listen = ":0" }, false},
		"a network":               {func(o *Options) { o.Listen = "192.0.2.1:0" }, false},
		"another door, elsewhere": {func(o *Options) { o.ListenAlso = []string{"192.0.2.1:0"} }, false},
		"management elsewhere":    {func(o *Options) { o.Manage = "0.0.0.0:0" }, false},
		"no address":              {func(o *Options) { o.Listen = "localhost" }, false},
		"a registry's own door":   {func(o *Options) { o.RegistryListen = map[string]string{"a": "127.0.0.1:0"} }, false},
		"peers of a network":      {func(o *Options) { o.Attach = []Attachment{{Address: "127.0.0.1:0"}} }, false},
	} {
		o := here
		tc.change(&o)
		if o.isPrivate() != tc.want {
			t.Errorf("%s: %t", name, !tc.want)
		}
	}
}
