package blob

import (
	"cmp"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// operation is something that a client does with a blob.
type operation struct {
	method, comp string
	needs        Permissions // one of them
	serve        func(*Store, http.ResponseWriter, *http.Request, Ref) error
}

// operations are those that there are. It is a function since its rows refer to what refers to it.
func operations() []operation {
	return []operation{
		{http.MethodHead, "", "r", (*Store).get},
		{http.MethodGet, "", "r", (*Store).get},
		{http.MethodPut, "", "cw", (*Store).putBlob},
		{http.MethodPut, "block", "cw", (*Store).putBlock},
		{http.MethodPut, "blocklist", "cw", (*Store).putBlockList},
	}
}

var (
	versionForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	// unsupported are headers that ask for what is not done here: to ignore them would be to say that it was.
	unsupported = []string{
		"x-ms-content-crc64", "x-ms-lease-id", "x-ms-copy-source", "x-ms-encryption-key", "x-ms-encryption-scope", "x-ms-if-tags",
		"x-ms-immutability-policy-until-date", "x-ms-legal-hold", "x-ms-range-get-content-crc64",
	}
)

// maxClientID bounds x-ms-client-request-id, in bytes, as Storage does.
const maxClientID = 1024

// ServeAccount answers a request to the host of an account. Its path is /CONTAINER/NAME.
func (s *Store) ServeAccount(w http.ResponseWriter, r *http.Request, account string) {
	header := w.Header()
	header.Set("x-ms-request-id", uuid.NewString())
	header.Set("x-ms-version", signedVersion)
	header.Set("X-Content-Type-Options", "nosniff")
	if given := r.Header.Get("x-ms-version"); versionForm.MatchString(given) {
		header.Set("x-ms-version", given)
	}
	if given := r.Header.Get("x-ms-client-request-id"); given != "" && len(given) <= maxClientID {
		header.Set("x-ms-client-request-id", given)
	}
	if err := s.serve(w, r, account); err != nil {
		s.fail(w, r, err)
	}
}

func (s *Store) serve(w http.ResponseWriter, r *http.Request, account string) error {
	ref := parsePath(account, r.URL.Path)
	if !ref.Valid() {
		return errURI
	}
	do, err := operationOf(r)
	if err != nil {
		return err
	}
	if err := s.authorize(ref, r.URL.RawQuery, s.needed(ref, do)); err != nil {
		return err
	}
	for _, name := range unsupported {
		if r.Header.Get(name) != "" {
			return errUnsupported
		}
	}
	return do.serve(s, w, r, ref)
}

// parsePath reads /CONTAINER/NAME, of which the name may have slashes.
func parsePath(account, path string) Ref {
	below, rooted := strings.CutPrefix(path, "/")
	container, name, _ := strings.Cut(below, "/")
	if !rooted {
		return Ref{}
	}
	return Ref{Account: account, Container: container, Name: name}
}

func operationOf(r *http.Request) (operation, error) {
	comp, known := r.URL.Query().Get("comp"), false
	for _, do := range operations() {
		if do.method == r.Method && do.comp == comp {
			return do, nil
		}
		known = known || do.method == r.Method
	}
	if known {
		return operation{}, errQuery
	}
	return operation{}, errVerb
}

// needed are the permissions of which one is enough: who may create a blob may not replace one.
func (s *Store) needed(ref Ref, do operation) Permissions {
	if _, err := s.Stat(ref); err == nil && do.needs == Upload {
		return "w"
	}
	return do.needs
}

// get shows a blob or a part of it; of HEAD, only what is known of it.
func (s *Store) get(w http.ResponseWriter, r *http.Request, ref Ref) error {
	content, err := s.Open(ref)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	if err := checkConditions(r, &content.Info); err != nil {
		return err
	}
	at, status := span{0, content.Info.Size}, http.StatusOK
	if given := cmp.Or(r.Header.Get("x-ms-range"), r.Header.Get("Range")); given != "" && r.Method == http.MethodGet {
		if at, err = parseRange(given, content.Info.Size); err != nil {
			return err
		}
		w.Header().Set("Content-Range", at.header(content.Info.Size))
		status = http.StatusPartialContent
	}
	showInfo(w.Header(), content.Info)
	w.Header().Set("Content-Length", strconv.FormatInt(at.size, 10))
	w.WriteHeader(status)
	if r.Method == http.MethodGet {
		_, _ = io.Copy(w, io.NewSectionReader(content, at.start, at.size)) // the client is gone if this fails
	}
	return nil
}

// showInfo sets the headers that tell of a blob.
func showInfo(header http.Header, info Info) {
	header.Set("Content-Type", info.ContentType)
	header.Set("Accept-Ranges", "bytes")
	header.Set("x-ms-blob-type", string(info.Kind))
	header.Set("x-ms-lease-status", "unlocked")
	header.Set("x-ms-lease-state", "available")
	header.Set("x-ms-server-encrypted", "false")
	showTag(header, info)
	for name, value := range info.Metadata {
		header.Set(metadataPrefix+name, value)
	}
}

func showTag(header http.Header, info Info) {
	header.Set("ETag", info.ETag)
	header.Set("Last-Modified", info.Modified.Format(http.TimeFormat))
}

// checkConditions holds a request against the entity tags that it names; info is nil if there is no blob.
func checkConditions(r *http.Request, info *Info) error {
	match, noMatch := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	is := func(tag string) bool { return info != nil && (tag == "*" || tag == info.ETag) }
	switch {
	case match != "" && !is(match):
		return errCondition
	case noMatch == "*" && is(noMatch) && r.Method == http.MethodPut:
		return errExists
	case noMatch != "" && is(noMatch):
		return errCondition
	}
	return nil
}

// span is a part of a blob, in bytes.
type span struct{ start, size int64 }

func (s span) header(total int64) string {
	return "bytes " + strconv.FormatInt(s.start, 10) + "-" + strconv.FormatInt(s.start+s.size-1, 10) + "/" + strconv.FormatInt(total, 10)
}

var rangeForm = regexp.MustCompile(`^bytes=([0-9]{1,18})-([0-9]{1,18})?$`)

// parseRange reads bytes=FIRST-LAST or bytes=FIRST-, the two forms that Storage has, of a blob with so many bytes.
func parseRange(text string, total int64) (span, error) {
	found := rangeForm.FindStringSubmatch(text)
	if found == nil {
		return span{}, errHeader
	}
	first, _ := strconv.ParseInt(found[1], 10, 64) // 18 digits at most
	last := total - 1
	if found[2] != "" {
		given, _ := strconv.ParseInt(found[2], 10, 64)
		if given < first {
			return span{}, errHeader
		}
		last = min(last, given)
	}
	if first >= total {
		return span{}, errRange
	}
	return span{first, last - first + 1}, nil
}
