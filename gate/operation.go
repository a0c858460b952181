package gate

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// OperationKind is what a request asks of a registry. Each kind has a row in the table of operations, which says
// what token scope and what rights it takes (acr-behaviour §4.4, §5.2).
type OperationKind uint8

// The operations. The zero kind is not supported, and is refused.
const (
	OpUnknown         OperationKind = iota
	OpSignIn                        // GET /v2/, the exchange, the token request: any right will do
	OpPull                          // read manifests, blobs and referrers
	OpPush                          // upload blobs, put manifests
	OpDelete                        // delete a manifest by digest, a blob or a repository
	OpDeleteReferrer                // delete a manifest that refers to another
	OpUntag                         // delete a tag
	OpListTags                      // list tags or manifests
	OpViewAttributes                // read a repository's, tag's or manifest's attributes (locks)
	OpSetAttributes                 // change them
	OpCatalog                       // list repositories
	OpListDeleted                   // list soft-deleted artifacts
	OpRestoreDeleted                // restore one
	OpViewQuarantined               // read artifacts in quarantine
	OpSetQuarantine                 // pass or fail them
	operationKinds
)

// String returns the operation's name, such as pull or list-tags.
func (k OperationKind) String() string { return operations[k].name }

// OperationKinds returns every operation that a registry supports.
func OperationKinds() []OperationKind {
	var kinds []OperationKind
	for k := OpSignIn; k < operationKinds; k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

// ParseOperationKind returns the operation of that name, and whether there is one.
func ParseOperationKind(name string) (OperationKind, bool) {
	for k, row := range operations {
		if row.name == name {
			return OperationKind(k), k != int(OpUnknown)
		}
	}
	return OpUnknown, false
}

// Operation is one request in a registry's own words.
type Operation struct {
	// Kind is what is asked for.
	Kind OperationKind
	// Repository is the repository concerned; empty for the registry as a whole.
	Repository string
	// Reference is the tag or digest concerned, if any.
	Reference string
	// From is the repository from which a blob is to be mounted, which must be readable too.
	From string
}

// maxRepositoryName is the longest repository name that the distribution specification's clients agree on.
const maxRepositoryName = 255

var (
	repositoryName = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
	uuidLike       = regexp.MustCompile(`^[A-Za-z0-9_=.-]+$`)
)

// ParseOperation reads a request line of a login server: the surface it addresses and the operation on it. A path
// that no API has, or a name that cannot be one, gives OpUnknown. The path is taken in its escaped form, since a
// repository may be written team%2Fapp (acr-cli does).
func ParseOperation(method string, u *url.URL) (Surface, Operation) {
	path := u.EscapedPath()
	switch {
	case path == "/oauth2/exchange" || path == "/oauth2/token":
		return TokenAPI, Operation{Kind: OpSignIn}
	case path == "/v2" || path == "/v2/" || path == "/acr/v1" || path == "/acr/v1/":
		return RegistryAPI, ping(method)
	case strings.HasPrefix(path, "/v2/"):
		return RegistryAPI, parseDistribution(method, strings.TrimPrefix(path, "/v2/"), u.Query())
	case strings.HasPrefix(path, "/acr/v1/"):
		return RegistryAPI, parseACR(method, strings.TrimPrefix(path, "/acr/v1/"))
	}
	return RegistryAPI, Operation{}
}

func ping(method string) Operation {
	if !isRead(method) {
		return Operation{}
	}
	return Operation{Kind: OpSignIn}
}

func isRead(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// route is one shape of path below a repository: what stands between the repository's name and the reference, and
// which method means which operation.
type route struct {
	marker   string
	methods  map[string]OperationKind
	withRef  bool
	emptyRef bool
}

// distributionRoutes is the distribution API below /v2/NAME (acr-behaviour §6.1).
var distributionRoutes = []route{
	{marker: "/blobs/uploads", methods: uploadMethods, withRef: true, emptyRef: true},
	{marker: "/blobs/uploads", methods: uploadMethods},
	{marker: "/blobs", methods: contentMethods, withRef: true},
	{marker: "/manifests", methods: manifestMethods, withRef: true},
	{marker: "/referrers", methods: readMethods, withRef: true},
	{marker: "/tags/list", methods: map[string]OperationKind{"GET": OpListTags, "HEAD": OpListTags}},
}

// acrRoutes is ACR's own API below /acr/v1/NAME (acr-behaviour §6.1).
var acrRoutes = []route{
	{marker: "/_tags", methods: tagMethods, withRef: true},
	{marker: "/_tags", methods: listMethods},
	{marker: "/_manifests", methods: attributeMethods, withRef: true},
	{marker: "/_manifests", methods: listMethods},
	{marker: "", methods: attributeMethods},
}

// deletedRoutes is the soft-delete API below /acr/v1/_deleted/NAME (acr-behaviour §6.1).
var deletedRoutes = []route{
	{marker: "/_manifests", methods: map[string]OperationKind{"POST": OpRestoreDeleted}, withRef: true},
	{marker: "/_manifests", methods: map[string]OperationKind{"GET": OpListDeleted}},
	{marker: "/_tags", methods: map[string]OperationKind{"GET": OpListDeleted}},
}

var (
	readMethods      = map[string]OperationKind{"GET": OpPull, "HEAD": OpPull}
	listMethods      = map[string]OperationKind{"GET": OpListTags}
	contentMethods   = map[string]OperationKind{"GET": OpPull, "HEAD": OpPull, "DELETE": OpDelete}
	manifestMethods  = map[string]OperationKind{"GET": OpPull, "HEAD": OpPull, "PUT": OpPush, "DELETE": OpDelete}
	tagMethods       = map[string]OperationKind{"GET": OpViewAttributes, "PATCH": OpSetAttributes, "DELETE": OpUntag}
	attributeMethods = map[string]OperationKind{"GET": OpViewAttributes, "PATCH": OpSetAttributes, "DELETE": OpDelete}
	uploadMethods    = map[string]OperationKind{
		"POST": OpPush, "PATCH": OpPush, "PUT": OpPush, "GET": OpPush, "HEAD": OpPush, "DELETE": OpPush,
	}
)

func parseDistribution(method, rest string, query url.Values) Operation {
	if rest == "_catalog" {
		return catalog(method)
	}
	op := match(distributionRoutes, method, rest)
	if op.Kind == OpDelete && isTag(op.Reference) {
		op.Kind = OpUntag
	}
	if op.Kind == OpPush && method == http.MethodPost && query.Has("mount") {
		op.From = query.Get("from")
	}
	return op
}

func parseACR(method, rest string) Operation {
	if rest == "_catalog" {
		return catalog(method)
	}
	if deleted, ok := strings.CutPrefix(rest, "_deleted/"); ok {
		return match(deletedRoutes, method, deleted)
	}
	return match(acrRoutes, method, rest)
}

func catalog(method string) Operation {
	if !isRead(method) {
		return Operation{}
	}
	return Operation{Kind: OpCatalog}
}

// match finds the first route that fits the whole of rest.
func match(routes []route, method, rest string) Operation {
	for _, r := range routes {
		if op, ok := r.match(rest); ok {
			op.Kind = r.methods[method]
			return op
		}
	}
	return Operation{}
}

// match reads rest from its end, where the shapes differ: a repository's own segments may be called blobs or tags.
func (r route) match(rest string) (Operation, bool) {
	head, ref := rest, ""
	if r.withRef {
		at := strings.LastIndexByte(rest, '/')
		if at < 0 {
			return Operation{}, false
		}
		head, ref = rest[:at], rest[at+1:]
	}
	name, ok := strings.CutSuffix(head, r.marker)
	if !ok {
		return Operation{}, false
	}
	repository, nameOK := unescape(name, validRepository)
	reference, refOK := unescape(ref, r.validReference)
	return Operation{Repository: repository, Reference: reference}, nameOK && refOK
}

func (r route) validReference(ref string) bool {
	if ref == "" {
		return !r.withRef || r.emptyRef
	}
	return validReference(ref)
}

func unescape(escaped string, valid func(string) bool) (string, bool) {
	s, err := url.PathUnescape(escaped)
	return s, err == nil && valid(s)
}

func validRepository(name string) bool {
	return len(name) <= maxRepositoryName && repositoryName.MatchString(name)
}

// validReference accepts tags, digests and upload IDs. What exactly they are is the registry's business.
func validReference(ref string) bool {
	algorithm, hex, isDigest := strings.Cut(ref, ":")
	if !isDigest {
		return len(ref) <= 512 && uuidLike.MatchString(ref)
	}
	return len(ref) <= 512 && uuidLike.MatchString(algorithm) && uuidLike.MatchString(hex)
}

func isTag(ref string) bool { return ref != "" && !strings.Contains(ref, ":") }
