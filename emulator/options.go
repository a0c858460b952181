package emulator

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/acrlocal/acrlocal/gate"
)

// Options say how an emulator runs. The zero value is complete: the default addresses, the sample environment, all
// state in memory.
type Options struct {
	// Listen is the address of the service listener; default 127.0.0.1:5080. Port 0 picks a free one.
	Listen string
	// ListenAlso are further addresses of the service listener. A machine on several networks listens at its address in
	// each.
	ListenAlso []string
	// Manage is the address of the management listener; default 127.0.0.1:5081. It serves the network that has the
	// address, and none of the machine's other ones.
	Manage string
	// RegistryListen gives registries listeners of their own, by registry name.
	RegistryListen map[string]string
	// Attach says that peers arriving at an address are in a virtual network, which is named as a place is.
	Attach []Attachment
	// Data is the directory for state that outlives the process; empty keeps everything in memory and a temporary
	// directory.
	Data string
	// State is the directory for the certificate authority and the signing keys, made once per user; default
	// acrlocal in the user's state directory.
	State string
	// MaxStorage bounds the bytes of all blobs; 0 means 8 GiB.
	MaxStorage int64
	// Seeds are the start-up state, in order; none means the sample environment.
	Seeds []Seed
	// DefaultRegistry is the registry that a bare address means; default playground, or the only one there is.
	DefaultRegistry string
	// Behavior is the behaviour of registries that do not choose; default gate.Article.
	Behavior gate.Behavior
	// TrustedIssuers are issuers of tokens for federated credentials. The emulator stands in for all others that federated
	// credentials name.
	TrustedIssuers []TrustedIssuer
	// TrustedProxies are the addresses and ranges from which X-Forwarded-For and the PROXY protocol count.
	TrustedProxies []string
	// PlainAnswers leaves out the headers that ACR does not send.
	PlainAnswers bool
	// DecisionLog is a file to which decisions are appended as JSON lines; empty writes none.
	DecisionLog string
	// Executor says how containers are run: "auto", "namespaces" (Linux), "docker" or "none"; default auto, which takes the
	// first that works here. Without one, what needs a container fails and says why; everything else works.
	Executor string
	// Executable is the program that namespaces are made with: one that calls Main first, such as the program itself. Empty
	// means that there is none, and no containers in namespaces.
	Executable string
	// Mirrors say where images of other registries are found, as HOST[/PATH]=oci:DIRECTORY or HOST[/PATH]=HOST[/PATH] of a
	// registry of this emulator. Nothing is ever fetched from elsewhere.
	Mirrors []string
	// Advisories is a directory of advisories in the OSV format, which Defender finds vulnerable packages by; empty has none.
	Advisories string
	// Version is the version that status shows.
	Version string
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Logger receives what the emulator has to say; default is silence.
	Logger *slog.Logger
}

// Seed is a file of start-up state.
type Seed struct {
	// Name is the file's name, for error messages and for paths relative to it.
	Name string
	// Data is its contents, YAML or JSON.
	Data []byte
}

// TrustedIssuer is an issuer of tokens for federated credentials (workload identity).
type TrustedIssuer struct {
	// Issuer is the claim iss of its tokens.
	Issuer string
	// Keys is its key set: a JWKS (RFC 7517 §5), of which the RSA keys count.
	Keys []byte
}

// Attachment says that peers arriving at an address are in a virtual network.
type Attachment struct {
	// Network names the virtual network: a resource ID, or a tail of one.
	Network string
	// Address is an IP address and port to listen on.
	Address string
}

// The defaults of Options.
const (
	defaultListen     = "127.0.0.1:5080"
	defaultManage     = "127.0.0.1:5081"
	defaultRegistry   = "playground"
	defaultMaxStorage = 8 << 30
)

// resolve fills in the defaults, so that nothing later asks whether a field is zero.
func (o Options) resolve() (Options, error) {
	o.Listen = orDefault(o.Listen, defaultListen)
	o.Manage = orDefault(o.Manage, defaultManage)
	if o.MaxStorage == 0 {
		o.MaxStorage = defaultMaxStorage
	}
	if o.Behavior == "" {
		o.Behavior = gate.Article
	}
	if _, ok := o.Behavior.Quirks(); !ok {
		return o, fmt.Errorf("behaviour %q is neither %s nor %s", o.Behavior, gate.Article, gate.Current)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.State == "" {
		o.State = defaultStateDir()
	}
	return o, nil
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// defaultStateDir follows the XDG base directory specification; without a home, the temporary directory has to do.
func defaultStateDir() string {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "acrlocal")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "state", "acrlocal")
	}
	return filepath.Join(os.TempDir(), "acrlocal")
}
