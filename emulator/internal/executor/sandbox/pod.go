package sandbox

// What the gateway of a pod asks the emulator, over HTTP/2 on its standard streams.
const (
	// PodReady says that containers can join.
	PodReady = "/ready"
	// PodNames is a DNS message; the answer is one.
	PodNames = "/names"
	// PodConnect is a connection to the address in the header PodDialled: bodies are what is sent both ways.
	PodConnect = "/connect"
	// PodDialled names the address that a container dialled, as host:port.
	PodDialled = "Acrlocal-Dialled"
)

// MaxName is the size of a DNS message over UDP without extensions (RFC 1035 §4.2.1).
const MaxName = 512
