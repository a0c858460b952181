//go:build bench

package bench

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// concurrency is how many requests are under way at once, each on a connection that is kept.
const concurrency = 8

// client speaks to one server.
type client struct {
	url   string
	token string // of an Authorization header; empty sends none
	http  *http.Client
}

func newClient(base, token string) *client {
	return &client{url: base, token: token, http: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: concurrency, DisableCompression: true},
		Timeout:   20 * time.Second,
	}}
}

// message is a request.
type message struct {
	method, path string
	host         string // if it is not the one of the URL
	contentType  string
	body         []byte
}

// send sends a message and reads the answer to its end. An answer that is no success is an error.
func (c *client) send(m message) (*http.Response, []byte, error) {
	target := m.path
	if strings.HasPrefix(target, "/") {
		target = c.url + target
	}
	r, err := http.NewRequest(m.method, target, bytes.NewReader(m.body))
	if err != nil {
		return nil, nil, err
	}
	r.Host = m.host
	r.Header.Set("Accept", manifestType+", */*") // distribution insists on it
	if m.contentType != "" {
		r.Header.Set("Content-Type", m.contentType)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s: %s: %s", m.method, m.path, response.Status, body)
	}
	return response, body, err
}

// get reads a path.
func (c *client) get(path string) error {
	_, _, err := c.send(message{method: http.MethodGet, path: path})
	return err
}

// pull reads an image: its manifest, its configuration and its layers.
func (c *client) pull(repository, tag string) error {
	_, body, err := c.send(message{method: http.MethodGet, path: "/v2/" + repository + "/manifests/" + tag})
	if err != nil {
		return err
	}
	var manifest struct {
		Config struct{ Digest string }
		Layers []struct{ Digest string }
	}
	if err := json.Unmarshal(body, &manifest); err != nil {
		return err
	}
	for _, blob := range append(manifest.Layers, manifest.Config) {
		if err := c.get("/v2/" + repository + "/blobs/" + blob.Digest); err != nil {
			return err
		}
	}
	return nil
}

// pushBlob uploads a blob in one piece and returns its digest.
func (c *client) pushBlob(repository string, content []byte) (string, error) {
	begun, _, err := c.send(message{method: http.MethodPost, path: "/v2/" + repository + "/blobs/uploads/"})
	if err != nil {
		return "", err
	}
	to, err := begun.Location()
	if err != nil {
		return "", err
	}
	digest := digestOf(content)
	query := to.Query()
	query.Set("digest", digest)
	to.RawQuery = query.Encode()
	_, _, err = c.send(message{method: http.MethodPut, path: to.String(), contentType: "application/octet-stream", body: content})
	return digest, err
}

func digestOf(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

// pushManifest puts a manifest under a tag.
func (c *client) pushManifest(repository, tag string, manifest []byte) error {
	_, _, err := c.send(message{
		method: http.MethodPut, path: "/v2/" + repository + "/manifests/" + tag, contentType: manifestType, body: manifest,
	})
	return err
}

// post sends a form and returns one string of the answer.
func (c *client) post(m message, form url.Values, answer string) (string, error) {
	m.method, m.contentType, m.body = http.MethodPost, "application/x-www-form-urlencoded", []byte(form.Encode())
	_, body, err := c.send(m)
	if err != nil {
		return "", err
	}
	fields := map[string]any{}
	err = json.Unmarshal(body, &fields)
	text, ok := fields[answer].(string)
	if err == nil && !ok {
		err = fmt.Errorf("no %s in the answer to POST %s: %s", answer, m.path, body)
	}
	return text, err
}

// entraToken asks Entra for a token of the development service principal.
func (e endpoints) entraToken(c *client, resource string) (string, error) {
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {e.ClientID}, "client_secret": {e.ClientSecret},
		"scope": {resource + "/.default"},
	}
	return c.post(message{path: "/" + e.TenantID + "/oauth2/v2.0/token", host: "login.microsoftonline.com"}, form, "access_token")
}

// login returns a client with an access token of the default registry for everything in one repository.
func (e *emulator) login(t testing.TB, repository string) *client {
	t.Helper()
	c := newClient(e.url, "")
	entra, err := e.entraToken(c, "https://containerregistry.azure.net")
	if err != nil {
		t.Fatal(err)
	}
	service := strings.TrimPrefix(e.url, "http://")
	form := url.Values{"grant_type": {"access_token"}, "service": {service}, "access_token": {entra}}
	refresh, err := c.post(message{path: "/oauth2/exchange"}, form, "refresh_token")
	if err != nil {
		t.Fatal(err)
	}
	form = url.Values{
		"grant_type": {"refresh_token"}, "service": {service}, "refresh_token": {refresh},
		"scope": {"repository:" + repository + ":pull,push,metadata_read"},
	}
	access, err := c.post(message{path: "/oauth2/token"}, form, "access_token")
	if err != nil {
		t.Fatal(err)
	}
	return newClient(e.url, access)
}

// load calls ask over and over, on as many goroutines as there are connections, until more says no. It returns how often
// that was. The number given to ask is never the same.
func load(t testing.TB, more func(i int64) bool, ask func(i int64) error) int64 {
	t.Helper()
	var next, failed atomic.Int64
	var failure error
	var all sync.WaitGroup
	for range concurrency {
		all.Go(func() {
			for i := next.Add(1); more(i) && failed.Load() == 0; i = next.Add(1) {
				if err := ask(i); err != nil && failed.Add(1) == 1 {
					failure = err
				}
			}
		})
	}
	all.Wait()
	if failure != nil {
		t.Fatal(failure)
	}
	return next.Load() - concurrency
}

// times lets load go on for a number of calls.
func times(n int64) func(int64) bool { return func(i int64) bool { return i <= n } }

// during lets load go on for a while.
func during(d time.Duration) func(int64) bool {
	end := time.Now().Add(d)
	return func(int64) bool { return time.Now().Before(end) }
}
