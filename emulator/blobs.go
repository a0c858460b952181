package emulator

import (
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/blob"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
)

// localBlobs is the domain of accounts where nobody resolves Azure's: browsers and resolvers lead it to this machine.
const localBlobs = ".blob.azure.localhost"

// blobDomains are the domains of the accounts in which ACR Tasks keep sources and logs (design, "Host names").
var blobDomains = []string{blob.Suffix, localBlobs}

// openBlobs opens what ACR Tasks keep, beside the content of registries.
func (e *Emulator) openBlobs() error {
	blobs, err := blob.Open(blob.Options{Dir: filepath.Join(e.content.dir, "task-blobs"), Now: e.options.Now, Log: e.options.Logger})
	if err != nil {
		return err
	}
	e.blobs = blobs
	e.closers = append(e.closers, blobs)
	return nil
}

// blobAccount reads the host of an account, of one label before the domain.
func blobAccount(host string) (account string, found bool) {
	for _, domain := range blobDomains {
		if label, ok := strings.CutSuffix(host, domain); ok {
			return label, label != "" && !strings.Contains(label, ".")
		}
	}
	return "", false
}

// serveBlobs answers for an account: that of the host, or at a bare address that of the path's first segment, which is then
// the host that Azure's URL would have.
func (e *Emulator) serveBlobs(at target) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !at.bare {
			e.blobs.ServeAccount(w, r, at.account)
			return
		}
		host, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		account, _ := blobAccount(strings.ToLower(host))
		below := r.Clone(r.Context())
		below.URL.Path, below.URL.RawPath = strings.TrimPrefix(r.URL.Path, "/"+host), ""
		e.blobs.ServeAccount(w, below, account)
	})
}

// blobURL renders the URL of a blob for the way ARM was asked, as loginServer does: a client that found ARM without DNS finds
// the blob so too. az takes an account and a suffix out of either (az-cli §6.1).
func (e *Emulator) blobURL(r *http.Request, azures *url.URL) *url.URL {
	asked := hostName(r.Host)
	if asked == "management.azure.com" {
		return azures
	}
	local := *azures
	if r.TLS == nil {
		local.Scheme = "http"
	}
	if at := parseHost(asked); at.bare {
		local.Host, local.Path = r.Host, "/"+azures.Host+azures.Path
		return &local
	}
	account, _ := blobAccount(azures.Host)
	local.Host = account + localBlobs
	if _, port, err := vantage.FoldHost(r.Host); err == nil && port != 0 {
		local.Host = net.JoinHostPort(local.Host, strconv.Itoa(int(port)))
	}
	return &local
}
