package blob_test

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/blob"
)

var (
	source = blob.Ref{Account: "acrtasks", Container: "source", Name: "a/b c.tar.gz"}
	runLog = blob.Ref{Account: "acrtasks", Container: "logs", Name: "ca1.log"}
)

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func open(t testing.TB, o blob.Options) (*blob.Store, *clock) {
	t.Helper()
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.Now = c.now
	s, err := blob.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, c
}

// ask sends a request to the URL of a blob, with headers as NAME: VALUE.
func ask(s *blob.Store, method string, at *url.URL, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, at.String(), strings.NewReader(body))
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	account, _, _ := strings.Cut(at.Host, ".")
	s.ServeAccount(w, r, account)
	return w
}

// want checks status and error code, and that an error is told in Storage's form.
func want(t *testing.T, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	if w.Code != status || w.Header().Get("x-ms-error-code") != code {
		t.Fatalf("got %d %s %s, want %d %s", w.Code, w.Header().Get("x-ms-error-code"), w.Body, status, code)
	}
	if w.Header().Get("x-ms-request-id") == "" || w.Header().Get("x-ms-version") == "" {
		t.Errorf("headers of every answer are missing: %v", w.Header())
	}
	if code == "" {
		return
	}
	var body struct{ Code, Message string }
	if err := xml.Unmarshal(bytes.TrimPrefix(w.Body.Bytes(), []byte("\ufeff")), &body); err != nil || body.Code != code || body.Message == "" {
		t.Errorf("body %q: %v", w.Body, err)
	}
}

const block = "x-ms-blob-type: BlockBlob"

func with(at *url.URL, parameters string) *url.URL {
	changed := *at
	changed.RawQuery = parameters + "&" + at.RawQuery
	return &changed
}

func TestUpload(t *testing.T) {
	s, _ := open(t, blob.Options{})
	upload := s.Sign(source, blob.Upload, time.Hour)
	if !strings.HasPrefix(upload.String(), "https://acrtasks.blob.core.windows.net/source/a/b%20c.tar.gz?") {
		t.Errorf("the URL is %s", upload)
	}
	w := ask(s, "PUT", upload, "one", block, "x-ms-meta-Who: me", "x-ms-blob-content-type: application/gzip", "x-ms-version: 2018-11-09")
	want(t, w, 201, "")
	if w.Header().Get("ETag") == "" || w.Header().Get("Last-Modified") == "" {
		t.Errorf("headers that az needs are missing: %v", w.Header())
	}
	want(t, ask(s, "PUT", upload, "two", block, "If-None-Match: *"), 409, "BlobAlreadyExists")
	want(t, ask(s, "PUT", upload, "two", block, `If-Match: "0x1"`), 412, "ConditionNotMet")
	w = ask(s, "GET", s.Sign(source, blob.Read, time.Hour), "")
	want(t, w, 200, "")
	if w.Body.String() != "one" || w.Header().Get("x-ms-meta-who") != "me" || w.Header().Get("Content-Type") != "application/gzip" {
		t.Errorf("got %q with %v", w.Body, w.Header())
	}
	want(t, ask(s, "PUT", upload, "second", block), 201, "")
	content, err := s.Open(source)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	s.Delete(source)
	if data, err := io.ReadAll(content); err != nil || string(data) != "second" {
		t.Errorf("a blob that went while it was read: %q, %v", data, err)
	}
	if _, err := s.Open(source); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("a blob that is gone: %v", err)
	}
}

// TestSignatures: what no signature covers is refused, and teaches nothing of what there is.
func TestSignatures(t *testing.T) {
	s, c := open(t, blob.Options{})
	other, _ := open(t, blob.Options{})
	upload, read := s.Sign(source, blob.Upload, time.Hour), s.Sign(source, blob.Read, time.Hour)
	want(t, ask(s, "PUT", upload, "one", block), 201, "")
	create := s.Sign(source, "c", time.Hour)
	elsewhere := *read
	elsewhere.Path = "/source/other"
	another := *read
	another.Host = "another.blob.core.windows.net"
	for name, one := range map[string]struct {
		method string
		at     *url.URL
		code   string
	}{
		"none":              {"GET", &url.URL{Scheme: "https", Host: read.Host, Path: read.Path}, "PublicAccessNotPermitted"},
		"wrong":             {"GET", with(read, "sig=AAAA"), "AuthenticationFailed"},
		"of another store":  {"GET", other.Sign(source, blob.Read, time.Hour), "AuthenticationFailed"},
		"of another blob":   {"GET", &elsewhere, "AuthenticationFailed"},
		"another account":   {"GET", &another, "AuthenticationFailed"},
		"more permissions":  {"GET", replace(upload, "sp", "cwr"), "AuthenticationFailed"},
		"longer":            {"GET", replace(read, "se", "2030-01-01T00:00:00Z"), "AuthenticationFailed"},
		"a parameter more":  {"GET", with(read, "rsct=text%2Fhtml"), "AuthenticationFailed"},
		"a parameter twice": {"GET", with(read, "sp=cw"), "AuthenticationFailed"},
		"too long":          {"GET", with(read, "x="+strings.Repeat("x", 5000)), "AuthenticationFailed"},
		"not a query":       {"GET", with(read, "%zz=1"), "AuthenticationFailed"},
		"to write only":     {"GET", upload, "AuthorizationPermissionMismatch"},
		"to read only":      {"PUT", read, "AuthorizationPermissionMismatch"},
		"to create only":    {"PUT", create, "AuthorizationPermissionMismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			status := 403
			if one.code == "PublicAccessNotPermitted" {
				status = 409
			}
			want(t, ask(s, one.method, one.at, "x", block), status, one.code)
		})
	}
	c.at = c.at.Add(time.Hour)
	want(t, ask(s, "GET", read, ""), 403, "AuthenticationFailed")
}

func replace(at *url.URL, name, value string) *url.URL {
	changed := *at
	query := at.Query()
	query.Set(name, value)
	changed.RawQuery = query.Encode()
	return &changed
}

func TestBlocks(t *testing.T) {
	s, _ := open(t, blob.Options{})
	upload := s.Sign(source, blob.Upload, time.Hour)
	id := func(n int) string { return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%032d", n)) }
	put := func(n int, body string) *httptest.ResponseRecorder {
		return ask(s, "PUT", with(upload, "comp=block&blockid="+url.QueryEscape(id(n))), body)
	}
	list := func(items string) *httptest.ResponseRecorder {
		return ask(s, "PUT", with(upload, "comp=blocklist"), "<?xml version=\"1.0\"?><BlockList>"+items+"</BlockList>", "x-ms-blob-content-type: a/b")
	}
	latest := func(n int) string { return "<Latest>" + id(n) + "</Latest>" }
	for n, body := range []string{"wrong", "b", "c"} {
		want(t, put(n, body), 201, "")
	}
	want(t, put(0, "a"), 201, "")
	want(t, ask(s, "GET", s.Sign(source, blob.Read, time.Hour), ""), 404, "BlobNotFound")
	want(t, list(latest(0)+latest(9)), 400, "InvalidBlockList")
	want(t, list("<Committed>"+id(0)+"</Committed>"), 400, "InvalidBlockList")
	want(t, list("<Latest>"), 400, "InvalidXmlDocument")
	want(t, list(latest(2)+"<Uncommitted>"+id(0)+"</Uncommitted>"+latest(1)+latest(2)), 201, "")
	if w := ask(s, "GET", s.Sign(source, blob.Read, time.Hour), ""); w.Body.String() != "cabc" || w.Header().Get("Content-Type") != "a/b" {
		t.Errorf("got %q", w.Body)
	}
	want(t, list(latest(0)), 400, "InvalidBlockList") // put in order already
	for _, bad := range []string{"", "%21", base64.StdEncoding.EncodeToString(make([]byte, 65))} {
		want(t, ask(s, "PUT", with(upload, "comp=block&blockid="+url.QueryEscape(bad)), "x"), 400, "InvalidBlockId")
	}
}

// TestParts: blocks that nobody puts in order are files, also empty ones, and bounded. (There once was no bound on those of many
// blobs together.)
func TestParts(t *testing.T) {
	const most = 4
	s, c := open(t, blob.Options{MaxParts: most})
	put := func(name string, n int) *httptest.ResponseRecorder {
		ref := source
		ref.Name = name
		id := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%08d", n))
		return ask(s, "PUT", with(s.Sign(ref, blob.Upload, time.Hour), "comp=block&blockid="+url.QueryEscape(id)), "")
	}
	for n := range most {
		want(t, put("first", n), 201, "")
	}
	want(t, put("first", most), 409, "BlockCountExceedsLimit")
	want(t, put("first", 0), 201, "") // in place of one that is there
	c.at = c.at.Add(time.Minute)
	want(t, put("second", 0), 201, "")
	ref := source
	ref.Name = "first"
	first := "<BlockList><Latest>" + base64.StdEncoding.EncodeToString([]byte("00000000")) + "</Latest></BlockList>"
	want(t, ask(s, "PUT", with(s.Sign(ref, blob.Upload, time.Hour), "comp=blocklist"), first), 400, "InvalidBlockList")
	for n := range most - 1 {
		want(t, put("second", n+1), 201, "")
	}
	want(t, put("second", most), 409, "BlockCountExceedsLimit")
}

// TestEmptied: what is signed for an account is worth nothing to its next owner's blobs, and nothing is left of the old ones. (The
// URL of a log once showed the log of the same name of a registry made again.)
func TestEmptied(t *testing.T) {
	s, _ := open(t, blob.Options{})
	upload, read := s.Sign(source, blob.Upload, time.Hour), s.Sign(source, blob.Read, time.Hour)
	other := source
	other.Account = "acrother"
	kept := s.Sign(other, blob.Upload, time.Hour)
	for _, at := range []*url.URL{upload, kept} {
		want(t, ask(s, "PUT", at, "old", "x-ms-blob-type: BlockBlob"), 201, "")
	}
	s.Empty(source.Account)
	want(t, ask(s, "GET", s.Sign(source, blob.Read, time.Hour), ""), 404, "BlobNotFound")
	want(t, ask(s, "PUT", upload, "old", "x-ms-blob-type: BlockBlob"), 403, "AuthenticationFailed")
	want(t, ask(s, "PUT", s.Sign(source, blob.Upload, time.Hour), "new", "x-ms-blob-type: BlockBlob"), 201, "")
	want(t, ask(s, "GET", read, ""), 403, "AuthenticationFailed")
	want(t, ask(s, "PUT", kept, "again", "x-ms-blob-type: BlockBlob"), 201, "")
}

func TestRefusedRequests(t *testing.T) {
	s, _ := open(t, blob.Options{MaxBlob: 10})
	upload, read := s.Sign(source, blob.Upload, time.Hour), s.Sign(source, blob.Read, time.Hour)
	want(t, ask(s, "PUT", upload, "0123456789", block, "Content-MD5: eB5eJF1ptWaXm4bijSPyxw=="), 201, "")
	for _, one := range []struct {
		method  string
		at      *url.URL
		body    string
		headers string
		status  int
		code    string
	}{
		{"PUT", upload, "x", "", 400, "MissingRequiredHeader"},
		{"PUT", upload, "x", "x-ms-blob-type: PageBlob", 400, "InvalidHeaderValue"},
		{"PUT", upload, "x", "x-ms-blob-type: AppendBlob", 400, "InvalidHeaderValue"},
		{"PUT", upload, "0123456789x", block, 413, "RequestBodyTooLarge"},
		{"PUT", upload, "x", block + "\nContent-MD5: eB5eJF1ptWaXm4bijSPyxw==", 400, "Md5Mismatch"},
		{"PUT", upload, "x", block + "\nx-ms-copy-source: https://elsewhere", 400, "UnsupportedHeader"},
		{"PUT", upload, "x", block + "\nx-ms-meta-a: " + strings.Repeat("x", 9000), 400, "MetadataTooLarge"},
		{"PUT", with(upload, "comp=page"), "x", "", 400, "InvalidQueryParameterValue"},
		{"DELETE", upload, "", "", 405, "UnsupportedHttpVerb"},
		{"POST", upload, "", "", 405, "UnsupportedHttpVerb"},
		{"GET", read, "", "x-ms-range: bytes=10-", 416, "InvalidRange"},
		{"GET", read, "", "x-ms-range: bytes=-1", 400, "InvalidHeaderValue"},
		{"GET", read, "", "Range: bytes=5-4", 400, "InvalidHeaderValue"},
		{"GET", &url.URL{Scheme: "https", Host: read.Host, Path: "/source"}, "", "", 400, "InvalidUri"},
		{"GET", &url.URL{Scheme: "https", Host: read.Host, Path: "/"}, "", "", 400, "InvalidUri"},
	} {
		t.Run(one.method+" "+one.code, func(t *testing.T) {
			want(t, ask(s, one.method, one.at, one.body, strings.Split(one.headers, "\n")...), one.status, one.code)
		})
	}
	if w := ask(s, "GET", read, ""); w.Body.String() != "0123456789" {
		t.Errorf("what was refused changed the blob: %q", w.Body)
	}
}

// TestLog: a log is read while it grows, as az does it (az-cli §6.1), and its end is in the metadata.
func TestLog(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, blob.Options{Dir: dir, Key: []byte("key")})
	read := s.Sign(runLog, blob.Read, time.Hour)
	want(t, ask(s, "GET", read, ""), 404, "BlobNotFound")
	if w := ask(s, "HEAD", read, ""); w.Code != 404 || w.Body.Len() > 0 || w.Header().Get("x-ms-error-code") != "BlobNotFound" {
		t.Errorf("HEAD of what is not there: %d %q", w.Code, w.Body)
	}
	if err := s.Create(runLog); err != nil {
		t.Fatal(err)
	}
	want(t, ask(s, "GET", read, "", "x-ms-range: bytes=0-4095"), 416, "InvalidRange")
	var got string
	for _, line := range []string{"first\r\n", "second\r\n"} {
		if err := s.Append(runLog, []byte(line)); err != nil {
			t.Fatal(err)
		}
		head := ask(s, "HEAD", read, "")
		want(t, head, 200, "")
		w := ask(s, "GET", read, "", fmt.Sprintf("x-ms-range: bytes=%d-%d", len(got), len(got)+4095), "Range: bytes=0-0")
		want(t, w, 206, "")
		size := len(got) + len(line)
		if head.Header().Get("Content-Length") != fmt.Sprint(size) || w.Header().Get("Content-Range") != fmt.Sprintf("bytes %d-%d/%d", len(got), size-1, size) {
			t.Errorf("head %v, range %v", head.Header(), w.Header())
		}
		got += w.Body.String()
	}
	if got != "first\r\nsecond\r\n" {
		t.Errorf("read %q", got)
	}
	if err := s.SetMetadata(runLog, map[string]string{"Complete": "successful"}); err != nil {
		t.Fatal(err)
	}
	again, _ := open(t, blob.Options{Dir: dir, Key: []byte("key")})
	w := ask(again, "HEAD", read, "")
	if w.Header().Get("x-ms-meta-complete") != "successful" || w.Header().Get("Content-Length") != "15" || w.Header().Get("x-ms-blob-type") != "AppendBlob" {
		t.Errorf("after a restart: %d %v", w.Code, w.Header())
	}
	want(t, ask(again, "PUT", again.Sign(runLog, blob.Read, time.Hour), "x", block), 403, "AuthorizationPermissionMismatch")
}

func TestStoreRefuses(t *testing.T) {
	s, _ := open(t, blob.Options{MaxBlob: 4})
	want(t, ask(s, "PUT", s.Sign(source, blob.Upload, time.Hour), "x", block), 201, "")
	for name, one := range map[string]struct{ got, want error }{
		"append to nothing":  {s.Append(runLog, nil), blob.ErrNotFound},
		"append to a source": {s.Append(source, nil), blob.ErrKind},
		"metadata":           {s.SetMetadata(runLog, nil), blob.ErrNotFound},
		"names":              {s.Create(blob.Ref{Account: "../x", Container: "logs", Name: "x"}), blob.ErrName},
	} {
		if !errors.Is(one.got, one.want) {
			t.Errorf("%s: %v", name, one.got)
		}
	}
	if err := s.Create(runLog); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(runLog, []byte("12345")); !errors.Is(err, blob.ErrTooLarge) {
		t.Errorf("a log that is too large: %v", err)
	}
}

// TestBounds: the oldest goes, by bytes, by number and by age; of uploads that came to nothing, nothing stays.
func TestBounds(t *testing.T) {
	dir := t.TempDir()
	s, c := open(t, blob.Options{Dir: dir, MaxBlob: 10, MaxTotal: 25, MaxBlobs: 3, MaxAge: 24 * time.Hour})
	name := func(n int) blob.Ref { return blob.Ref{Account: "acrtasks", Container: "source", Name: fmt.Sprint(n)} }
	put := func(n int, body string) int {
		c.at = c.at.Add(time.Second)
		return ask(s, "PUT", s.Sign(name(n), blob.Upload, time.Hour), body, block).Code
	}
	if err := s.Create(runLog); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if got := put(n, "0123456789"); got != 201 {
			t.Fatalf("upload %d: %d", n, got)
		}
	}
	if _, err := s.Stat(name(0)); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("the oldest upload made no room: %v", err)
	}
	if _, err := s.Stat(runLog); err != nil {
		t.Errorf("a log made room for uploads: %v", err)
	}
	if got := put(3, "0123456789x"); got != 413 {
		t.Errorf("too large: %d", got)
	}
	put(4, "x")
	if got := len(s.List("acrtasks")); got != 3 {
		t.Errorf("%d blobs are kept", got)
	}
	upload := s.Sign(name(9), blob.Upload, time.Hour)
	want(t, ask(s, "PUT", with(upload, "comp=block&blockid=QQ=="), "x"), 201, "")
	c.at = c.at.Add(25 * time.Hour)
	put(5, "x")
	if got := s.List("acrtasks"); len(got) != 1 || got[0].Ref != name(5) {
		t.Errorf("after a day there are %v", got)
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("there are files that nobody owns: %v", files)
	}
}

// TestInterrupted: a client that goes away leaves nothing.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, blob.Options{Dir: dir})
	r := httptest.NewRequest("PUT", s.Sign(source, blob.Upload, time.Hour).String(), io.MultiReader(strings.NewReader("half"), broken{}))
	r.Header.Set("x-ms-blob-type", "BlockBlob")
	w := httptest.NewRecorder()
	s.ServeAccount(w, r, "acrtasks")
	want(t, w, http.StatusBadRequest, "IncompleteBody")
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("left: %v", files)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestLeftovers: files without a record, and records that say nonsense, do not outlive a start.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"orphan": "x", "a.json": "{", "b": "x", "b.json": `{"file":"../b","kind":"BlockBlob"}`, "c": "x", "c.json": `{"file":"c","ref":{"Account":"X"}}`,
	} {
		if err := os.WriteFile(dir+"/"+name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, _ := open(t, blob.Options{Dir: dir})
	if files, _ := os.ReadDir(dir); len(files) != 0 || len(s.List("acrtasks")) != 0 {
		t.Errorf("left: %v", files)
	}
}

// TestFairBounds: an account that has much takes nothing from one that has little, by bytes or by number, and what is being written
// leaves room for others. (Logs once kept all others out when they filled the store, and the oldest blob went, whoever had it.)
func TestFairBounds(t *testing.T) {
	of := func(account string, n int) blob.Ref {
		return blob.Ref{Account: account, Container: "logs", Name: fmt.Sprint(n)}
	}
	fill := func(s *blob.Store, c *clock) (failed error) {
		for n := range 20 {
			c.at = c.at.Add(time.Second)
			failed = errors.Join(failed, s.Create(of("crowd", n)), s.Append(of("crowd", n), make([]byte, 10)))
		}
		return failed
	}
	for name, o := range map[string]blob.Options{"bytes": {MaxTotal: 100}, "number": {MaxBlobs: 10}} {
		s, c := open(t, o)
		if err := errors.Join(s.Create(of("modest", 0)), s.Append(of("modest", 0), make([]byte, 10)), fill(s, c)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Stat(of("modest", 0)); err != nil {
			t.Errorf("%s: the one log of its account: %v", name, err)
		}
		if got := len(s.List("crowd")); got != 9 {
			t.Errorf("%s: %d logs of the crowd", name, got)
		}
		want(t, ask(s, "PUT", s.Sign(source, blob.Upload, time.Hour), "source", block), 201, "")
	}
	s, _ := open(t, blob.Options{MaxTotal: 100})
	want(t, ask(s, "PUT", s.Sign(source, blob.Upload, time.Hour), strings.Repeat("x", 51), block), 413, "RequestBodyTooLarge")
	want(t, ask(s, "PUT", s.Sign(source, blob.Upload, time.Hour), strings.Repeat("x", 50), block), 201, "")
}
