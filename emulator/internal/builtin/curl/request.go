package curl

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// maxData bounds what is sent as data, in bytes.
const maxData = 1 << 30

// wanted is a request as the flags describe it.
type wanted struct {
	url    *url.URL
	method string
	custom bool // the method was given, and stays in redirections
	header http.Header
	host   string   // the header Host, if one was given
	order  []string // names of headers as they were given
	body   []byte
}

// newWanted reads the flags of a request.
func (s *session) newWanted(address string) (*wanted, error) {
	u, err := parseURL(address)
	if err != nil {
		return nil, err
	}
	w := &wanted{url: u, method: http.MethodGet, header: http.Header{}}
	data, given, err := s.data()
	if err != nil {
		return nil, err
	}
	switch {
	case given && s.Bool("get"):
		u.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+string(data), "&")
	case given:
		w.method, w.body = http.MethodPost, data
		w.set("Content-Type", "application/x-www-form-urlencoded")
	case s.Has("upload-file"):
		w.method = http.MethodPut
		if w.body, err = s.read(s.String("upload-file")); err != nil {
			return nil, err
		}
	case s.Bool("head"):
		w.method = http.MethodHead
	}
	if s.Has("request") {
		w.method, w.custom = s.String("request"), true
	}
	return w, s.headers(w)
}

// parseURL reads a URL; http is its scheme if it names none.
func parseURL(address string) (*url.URL, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, failed(exitURL, "URL using bad/illegal format or missing URL")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, failed(exitProtocol, "Protocol %q not supported", u.Scheme)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// headers reads the flags for headers, in the order in which curl sends them.
func (s *session) headers(w *wanted) error {
	user := s.String("user")
	if user == "" && w.url.User != nil {
		user = w.url.User.String()
	}
	if user != "" {
		name, password, _ := strings.Cut(user, ":")
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(name, password)
		w.set("Authorization", r.Header.Get("Authorization"))
	}
	w.url.User = nil
	if s.Has("oauth2-bearer") {
		w.set("Authorization", "Bearer "+s.String("oauth2-bearer"))
	}
	w.set("User-Agent", "curl/"+Version)
	w.set("Accept", "*/*")
	if s.Has("json") {
		w.set("Content-Type", "application/json")
		w.set("Accept", "application/json")
	}
	for key, name := range map[string]string{"user-agent": "User-Agent", "referer": "Referer", "cookie": "Cookie"} {
		if s.Has(key) {
			w.set(name, s.String(key))
		}
	}
	for _, line := range s.All("header") {
		w.line(line)
	}
	return nil
}

// line applies a header as -H gives it: Name: value, Name: to take it away, Name; for an empty one.
func (w *wanted) line(line string) {
	name, value, found := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	switch {
	case found && strings.EqualFold(name, "Host"):
		w.host = value
	case found && value == "":
		w.header.Del(name)
		if strings.EqualFold(name, "User-Agent") {
			w.header["User-Agent"] = nil // net/http would send its own
		}
	case found:
		w.set(name, value)
	case strings.HasSuffix(line, ";"):
		w.set(strings.TrimSuffix(line, ";"), "")
	}
}

func (w *wanted) set(name, value string) {
	if _, ok := w.header[http.CanonicalHeaderKey(name)]; !ok {
		w.order = append(w.order, http.CanonicalHeaderKey(name))
	}
	w.header.Set(name, value)
}

// request makes a request to send.
func (w *wanted) request() *http.Request {
	r := &http.Request{
		Method: w.method, URL: w.url, Host: w.host, Header: w.header.Clone(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if r.Host == "" {
		r.Host = w.url.Host
	}
	if w.body != nil {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(w.body)), int64(len(w.body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(w.body)), nil }
	}
	return r
}

// redirected is the request that an answer asks for; false if it asks for none.
func (w *wanted) redirected(response *http.Response, trusted bool) (*wanted, bool, error) {
	location := response.Header.Get("Location")
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, false, nil
	}
	if location == "" {
		return nil, false, nil
	}
	u, err := w.url.Parse(location)
	if err != nil {
		return nil, false, failed(exitURL, "URL using bad/illegal format or missing URL")
	}
	if u, err = parseURL(u.String()); err != nil {
		return nil, false, err
	}
	next := *w
	next.url, next.host, next.header = u, "", w.header.Clone()
	if response.StatusCode < http.StatusTemporaryRedirect && w.body != nil {
		next.body = nil
		next.header.Del("Content-Type")
		if !w.custom {
			next.method = http.MethodGet
		}
	}
	if u.Host != w.url.Host && !trusted {
		next.header.Del("Authorization")
		next.header.Del("Cookie")
	}
	return &next, true, nil
}

// data is the body that the flags for data describe, joined with &; false if there are none.
func (s *session) data() (body []byte, given bool, err error) {
	for _, kind := range [...]string{"data", "data-ascii", "data-raw", "data-binary", "data-urlencode", "json"} {
		for _, value := range s.All(kind) {
			one, err := s.datum(kind, value)
			if err != nil {
				return nil, false, err
			}
			if given && kind != "json" {
				body = append(body, '&')
			}
			body, given = append(body, one...), true
		}
	}
	if given && body == nil {
		body = []byte{}
	}
	return body, given, nil
}

// datum reads one value of a flag for data. What begins with @ is a file, but for --data-raw.
func (s *session) datum(kind, value string) ([]byte, error) {
	name, isFile := strings.CutPrefix(value, "@")
	switch {
	case kind == "data-urlencode":
		field, content, found := strings.Cut(value, "=")
		switch {
		case !found:
			return []byte(url.QueryEscape(value)), nil
		case field == "":
			return []byte(url.QueryEscape(content)), nil
		}
		return []byte(field + "=" + url.QueryEscape(content)), nil
	case !isFile || kind == "data-raw":
		return []byte(value), nil
	}
	data, err := s.read(name)
	if kind == "data" || kind == "data-ascii" {
		data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\n"), nil), []byte("\r"), nil)
	}
	return data, err
}

// read reads a file, or the input for -.
func (s *session) read(name string) ([]byte, error) {
	r := s.Stdin
	if name != "-" {
		f, err := os.Open(s.Path(name))
		if err != nil {
			return nil, failed(exitRead, "Failed to open %s", name)
		}
		defer f.Close()
		r = f
	}
	data, err := io.ReadAll(io.LimitReader(r, maxData))
	if err != nil {
		return nil, failed(exitRead, "Failed to open/read local data from file/application")
	}
	return data, nil
}

// retryDelay is how long curl waits before a further try: one second, then twice as long each time, at most ten
// minutes.
func retryDelay(try int) time.Duration {
	const most = 10 * time.Minute
	if try > 9 {
		return most
	}
	return min(time.Second<<try, most)
}
