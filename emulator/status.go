package emulator

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// Endpoints returns where the emulator is found. It must have been started.
func (e *Emulator) Endpoints() Endpoints {
	at := Endpoints{
		Service: "http://" + clientAddress(e.listeners.service), Manage: "http://" + clientAddress(e.listeners.manage),
		Proxy: "http://" + clientAddress(e.listeners.manage), Registries: map[string]string{},
		TenantID: azure.DevelopmentTenant, SubscriptionID: azure.DevelopmentSubscription,
		ClientID: azure.DevelopmentClientID, ClientSecret: azure.DevelopmentSecret,
	}
	at.CA, _ = e.ca.File()
	for _, d := range e.core.State().OfType(registryType) {
		at.Registries[d.ID.Name()] = "http://" + e.registryHost(azure.Fold(d.ID.Name()))
	}
	return at
}

// registryHost is the host and port by which a client on this machine reaches a registry without the proxy.
func (e *Emulator) registryHost(name string) string {
	if own, ok := e.listeners.registries[name]; ok {
		return clientAddress(own)
	}
	if name == e.defaultRegistry() {
		return "localhost:" + strconv.Itoa(int(portOf(e.listeners.service)))
	}
	return name + ".azurecr.localhost:" + strconv.Itoa(int(portOf(e.listeners.service)))
}

// clientAddress is a listener's address as a client on this machine dials it: an unspecified one becomes loopback.
func clientAddress(a net.Addr) string {
	if a == nil {
		return ""
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil || !ap.Addr().IsUnspecified() {
		return a.String()
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(int(ap.Port())))
}

func portOf(a net.Addr) uint16 {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Port()
	}
	return 0
}

// loginServer renders a registry's login server for the way ARM was asked (design, "Host names").
func (e *Emulator) loginServer(r *http.Request, name string) string {
	if hostName(r.Host) == "management.azure.com" {
		return azure.LoginServer(name)
	}
	return e.registryHost(azure.Fold(name))
}

// defaultRegistry names the registry that a bare address means: the one chosen, or playground, or the only one.
func (e *Emulator) defaultRegistry() string {
	if e.options.DefaultRegistry != "" {
		return azure.Fold(e.options.DefaultRegistry)
	}
	all := e.core.State().OfType(registryType)
	if len(all) == 1 {
		return azure.Fold(all[0].ID.Name())
	}
	return defaultRegistry
}

// Status describes the emulator. It finds out how containers are run, which takes a moment the first time.
func (e *Emulator) Status() Status {
	w := e.core.world.Load()
	s := Status{
		Endpoints: e.Endpoints(), Version: e.options.Version, Revision: w.revision, Documents: w.state.Len(),
		Decisions: len(e.log.last(logCapacity)), Executor: ExecutorStatus(e.executor.Status()), Policies: e.Policies(),
	}
	for _, d := range w.state.All() {
		if _, has := d.Body["identity"]; has {
			s.Places = append(s.Places, shortName(w.state, d))
		}
	}
	return s
}

// Policies summarises the rules of each registry.
func (e *Emulator) Policies() []RegistryStatus {
	w := e.core.world.Load()
	var policies []RegistryStatus
	for _, d := range w.state.OfType(registryType) {
		if r, ok := w.snapshot.Registry(d.ID.Name()); ok {
			policies = append(policies, RegistryStatus{
				Name: r.Name, Network: networkOf(r), IPRules: r.IPRules, TrustedServices: r.BypassTrustedServices, Mode: string(r.Mode),
			})
		}
	}
	return policies
}

// shortName is the shortest name of a place that is a resource.
func shortName(s *azure.State, d *azure.Document) string {
	at, err := azure.ResolvePlace(s, d.ID.String())
	if err != nil {
		return d.ID.String()
	}
	return at.Name
}

// WriteEndpoints writes the endpoints as JSON, whole or not at all, readable by its owner alone.
func WriteEndpoints(path string, at Endpoints) error {
	data, err := json.MarshalIndent(at, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".endpoints-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(append(data, '\n')); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
