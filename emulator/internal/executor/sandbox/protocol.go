// Package sandbox is the inner side of the namespace executor: what runs inside a user namespace, in processes that the
// executor starts from the emulator's own binary.
//
// There are three. The keeper is one for each network of containers: the first process of its namespaces, which holds the
// bridge between the containers and the sockets that lead to the emulator, unpacks layers and makes new ones, and starts the
// other two. When it ends, the kernel ends all that it started; it ends when the emulator does, however that ended. The init
// makes a container's root and view of the machine from the inside, and becomes the container's program. The entrant joins a
// container that runs, and starts one more program there.
//
// Ids are the kernel's business: in the user namespace, the container's root is user 0, and the kernel knows him as somebody
// without any right over the machine.
//
// It takes Linux 5.12 (idmapped mounts, overlayfs in user namespaces, openat2), on x86-64 or arm64.
package sandbox

import (
	"bytes"
	"errors"
)

// Roles are the last of the arguments that this binary starts itself with.
const (
	RoleKeeper  = "keeper"
	RoleInit    = "init"
	RoleEntrant = "entrant"
	// RolePod is that of the gateway which a Docker engine runs; ports follow it.
	RolePod = "pod"
)

// Addresses of every network. Networks do not know each other, so that all have the same.
const (
	// Gateway is the address of the emulator's side, where names are asked for.
	Gateway = "172.18.0.1"
	// Prefix is the length of the network's prefix.
	Prefix = 16
	// FirstContainer is the address of the first container.
	FirstContainer = "172.18.0.2"
	// FirstHost is the first of the addresses that stand for emulated hosts, each for one.
	FirstHost = "198.18.0.1"
	hostRange = "198.18.0.0/15" // RFC 2544: nobody's on any network
	imds      = "169.254.169.254"
)

// Where a container finds the authority that it is to trust.
const (
	// AuthorityFile is in PEM.
	AuthorityFile = "/run/acrlocal/ca.pem"
	// TrustFile is the same for Java.
	TrustFile = "/run/acrlocal/trust.jks"
	// MaxBundle is the size of a distribution's bundle, in bytes.
	MaxBundle = 4 << 20
)

// Bundles are the files in which the distributions keep the roots that everybody trusts. Where the image has one, the
// container sees it with the authority added.
var Bundles = [...]string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Arch, Alpine
	"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // RHEL
	"/etc/ssl/ca-bundle.pem",                            // SUSE
	"/etc/ssl/cert.pem",                                 // Alpine's libressl
}

// Trusting is a bundle with an authority added.
func Trusting(bundle, authority []byte) []byte {
	if len(bundle) > 0 && !bytes.HasSuffix(bundle, []byte("\n")) {
		bundle = append(bundle, '\n')
	}
	return append(bundle, authority...)
}

// MaxConnections is how many connections a network has open to emulated hosts. More wait.
const MaxConnections = 256

// Files in the directory of a container, beside what the kernel keeps there.
const (
	UpperDir  = "upper"
	workDir   = "work"
	extraDir  = "extra"      // what the image lacks: mount points, the authority
	extraWork = "extra-work" //
	rootDir   = "root"
)

// Hello is the first message to a keeper.
type Hello struct {
	// Command starts this binary as a child: the arguments to which a role is added.
	Command []string
	// Ports are where emulated hosts are reached.
	Ports []int
	// Flat says that one user alone is mapped.
	Flat bool
}

// Welcome is a keeper's answer; with it come the sockets, one for each port, then the one for names.
type Welcome struct{ Problem string }

// Order is what a keeper is asked to do, over a socket of its own: one order, one answer, and for programs an end. Closing
// the socket ends the program.
type Order struct {
	// Run starts a container. Files: its standard streams, then Groups files, then the trees of its mounts.
	Run *Plan `json:",omitempty"`
	// Enter starts a program in a container. Files: its standard streams, then those of its groups.
	Enter *Entry `json:",omitempty"`
	// Unpack writes a layer into a directory. Files: the layer.
	Unpack *Unpacking `json:",omitempty"`
	// Diff writes what a container changed. Files: where to.
	Diff *Diffing `json:",omitempty"`
	// Remove removes a directory.
	Remove string `json:",omitempty"`
	// Probe tries in a directory whether overlays can be mounted.
	Probe string `json:",omitempty"`
}

// Answer says whether an order was carried out, or that its program runs.
type Answer struct {
	// Problem is why not.
	Problem string `json:",omitempty"`
	// NotFound says that the program is not in the image.
	NotFound bool `json:",omitempty"`
	// Made are the paths that the container has beside its image.
	Made []string `json:",omitempty"`
	// Bytes is what was unpacked.
	Bytes int64 `json:",omitempty"`
}

// Err is the problem as an error.
func (a Answer) Err() error {
	if a.Problem == "" {
		return nil
	}
	return errors.New(a.Problem)
}

// Signal is sent to a program that runs.
type Signal struct{ Number int }

// End says how a program ended.
type End struct {
	// Code is the exit code, or 128 and the number of the signal.
	Code int
	// Reason is why the keeper ended it; usually empty.
	Reason string `json:",omitempty"`
}

// Program is what runs in a container, the image's configuration applied.
type Program struct {
	Args, Env []string
	Dir, User string
	// Terminal says that standard input is one, which shall control the program.
	Terminal bool
	// Privileged leaves it all capabilities of its user namespace.
	Privileged bool
	// Flat says that one user alone is mapped.
	Flat bool
	// Processes bounds how many there may be, and Memory how many bytes each may have, where no control group bounds the
	// container; 0 does not.
	Processes int
	Memory    int64
}

// Plan is a container.
type Plan struct {
	Program
	// Number names the container to its keeper.
	Number int
	// Bundle is the container's directory, Layers are those of its image, the topmost first; relative to the keeper's directory.
	Bundle string
	Layers []string
	// Hostname, Address: who it is in its network.
	Hostname, Address string
	// Groups is how many control groups it is put into.
	Groups int
	// Mounts are seen by it.
	Mounts []Mounting
	// Authority is trusted by it, in PEM, and TrustStore the same for Java; perhaps none.
	Authority, TrustStore []byte
	// Disk is how many bytes it may write; 0 is no bound.
	Disk int64
}

// Mounting is a mount of a container: an open tree (Tree counts those of the order), a path of the machine, or memory.
type Mounting struct {
	To       string
	From     string
	Tree     int // -1 for none
	ReadOnly bool
}

// Entry is a program beside a container's own.
type Entry struct {
	Program
	Number, Groups int
}

// Unpacking is a layer and where it goes.
type Unpacking struct {
	To      string
	Bytes   int64
	Entries int
}

// Diffing is a container's directory, what it has beside its image, and how many bytes it may have written.
type Diffing struct {
	Bundle string
	Made   []string
	Bytes  int64
}
