package curl

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// transfer is one URL that is asked for.
type transfer struct {
	wanted         *wanted
	output         string // file; empty is the output
	maxRedirects   int
	maxTime        time.Duration // 0 is for ever
	transport      *http.Transport
	began          time.Time
	response       *http.Response // the last one
	received       int64
	redirects      int
	remote         string
	connectTimeout time.Duration
}

// newTransfer reads the flags of the URL that is the number-th one.
func (s *session) newTransfer(address string, number int) (*transfer, error) {
	w, err := s.newWanted(address)
	if err != nil {
		return nil, err
	}
	t := &transfer{wanted: w}
	if outputs := s.All("output"); number < len(outputs) {
		t.output = outputs[number]
	} else if s.Bool("remote-name") {
		if t.output = path.Base(w.url.Path); t.output == "/" || t.output == "." {
			return nil, failed(exitWrite, "Remote file name has no length")
		}
	}
	if t.maxRedirects, err = s.number("max-redirs", 50); err != nil {
		return nil, err
	}
	if t.maxTime, err = s.seconds("max-time"); err != nil {
		return nil, err
	}
	if t.connectTimeout, err = s.seconds("connect-timeout"); err != nil {
		return nil, err
	}
	t.transport, err = s.transport(t)
	return t, err
}

// transport makes the connections. Proxies are those of the variables, as curl reads them.
func (s *session) transport(t *transfer) (*http.Transport, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.Bool("insecure") {
		config.InsecureSkipVerify = true // -k says so; nothing of the emulator's trusts what a container fetched
	}
	if file := s.String("cacert"); file != "" {
		pem, err := s.read(file)
		if config.RootCAs = x509.NewCertPool(); err != nil || !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, failed(77, "error setting certificate file: %s", file)
		}
	}
	proxies := httpproxy.Config{
		HTTPProxy: s.Getenv("http_proxy"), HTTPSProxy: s.either("https_proxy", "HTTPS_PROXY"), NoProxy: s.either("no_proxy", "NO_PROXY"),
	}
	if given := s.String("proxy"); given != "" {
		proxies.HTTPProxy, proxies.HTTPSProxy, proxies.NoProxy = given, given, ""
	}
	of := proxies.ProxyFunc()
	dialer := &net.Dialer{Timeout: t.connectTimeout}
	return &http.Transport{
		Proxy:              func(r *http.Request) (*url.URL, error) { return of(r.URL) },
		DialContext:        dialer.DialContext,
		TLSClientConfig:    config,
		DisableCompression: !s.Bool("compressed"),
		TLSNextProto:       map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1 alone
	}, nil
}

func (s *session) either(one, other string) string {
	if value := s.Getenv(one); value != "" {
		return value
	}
	return s.Getenv(other)
}

// insist tries a transfer, and again as --retry says.
func (s *session) insist(ctx context.Context, t *transfer) error {
	defer t.transport.CloseIdleConnections()
	retries, err := s.number("retry", 0)
	if err != nil {
		return err
	}
	fixed, err := s.seconds("retry-delay")
	if err != nil {
		return err
	}
	first := t.wanted
	for try := 0; ; try++ {
		t.wanted, t.redirects, t.response = first, 0, nil
		problem, err := s.once(ctx, t, try < retries)
		if problem == "" || try >= retries {
			return err
		}
		delay := retryDelay(try)
		if fixed > 0 {
			delay = fixed
		} else if after, err := strconv.Atoi(t.header("Retry-After")); err == nil && after >= 0 {
			delay = min(time.Duration(after)*time.Second, retryDelay(99))
		}
		s.warn("Problem: %s. Will retry in %d seconds. %d retries left.", problem, int(delay.Seconds()), retries-try)
		select {
		case <-ctx.Done():
			return failed(exitReceive, "interrupted")
		case <-s.after(delay):
		}
	}
}

func (t *transfer) header(name string) string {
	if t.response == nil {
		return ""
	}
	return t.response.Header.Get(name)
}

// once tries a transfer once. It names the problem if another try may help: then nothing was written if mayRetry says that
// there will be one.
func (s *session) once(ctx context.Context, t *transfer, mayRetry bool) (problem string, err error) {
	t.began = time.Now()
	if t.maxTime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.maxTime)
		defer cancel()
	}
	response, err := s.follow(ctx, t)
	if err != nil {
		err = t.failure(err)
		return s.mayPass(err), err
	}
	defer func() { _ = response.Body.Close() }()
	transient := isTransient(response.StatusCode)
	if transient && mayRetry {
		return "HTTP error", nil
	}
	err = s.receive(t, response)
	if transient {
		problem = "HTTP error"
	}
	return problem, err
}

func isTransient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// mayPass names what kind of failure another try may overcome; empty if none does.
func (s *session) mayPass(err error) string {
	f, ok := errors.AsType[*failure](err)
	switch {
	case !ok:
		return ""
	case f.code == exitTimeout:
		return "timeout"
	case f.code == exitConnect && s.Bool("retry-connrefused"):
		return "connection refused"
	case s.Bool("retry-all-errors"):
		return "(retrying all errors)"
	}
	return ""
}

// follow sends the request, and those that answers ask for if -L is given. All answers but the last are shown and dropped.
func (s *session) follow(ctx context.Context, t *transfer) (*http.Response, error) {
	for {
		response, err := s.send(ctx, t)
		if err != nil {
			return nil, err
		}
		t.response = response
		if !s.Bool("location") && !s.Bool("location-trusted") {
			return response, nil
		}
		next, again, err := t.wanted.redirected(response, s.Bool("location-trusted"))
		if err != nil || !again {
			return response, err
		}
		if s.Bool("include") || s.Bool("head") {
			writeHead(s.Stdout, response, "")
		}
		_ = response.Body.Close()
		if t.redirects == t.maxRedirects {
			return nil, failed(exitRedirects, "Maximum (%d) redirects followed", t.maxRedirects)
		}
		t.wanted = next
		t.redirects++
	}
}

// send sends one request.
func (s *session) send(ctx context.Context, t *transfer) (*http.Response, error) {
	trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		t.remote = c.Conn.RemoteAddr().String()
		s.verbose("* Connected to %s (%s)\n", t.wanted.url.Hostname(), t.remote)
	}}
	r := t.wanted.request().WithContext(httptrace.WithClientTrace(ctx, trace))
	response, err := t.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if s.Bool("verbose") {
		if response.TLS != nil {
			s.verbose("* SSL connection using %s / %s\n", tls.VersionName(response.TLS.Version), tls.CipherSuiteName(response.TLS.CipherSuite))
		}
		t.wanted.show(s)
		writeHead(s.Stderr, response, "< ")
	}
	return response, nil
}

// receive writes an answer where the flags say.
func (s *session) receive(t *transfer, response *http.Response) error {
	bad := response.StatusCode >= http.StatusBadRequest
	refused := failed(exitHTTP, "The requested URL returned error: %d", response.StatusCode)
	if bad && s.Bool("fail") {
		return refused
	}
	out, err := s.destination(t)
	if err != nil {
		return err
	}
	if s.Bool("include") || s.Bool("head") {
		writeHead(out, response, "")
	}
	if err := s.dumpHeader(response); err != nil {
		return err
	}
	var written error
	t.received, written = io.Copy(out, response.Body)
	if err := out.Close(); err != nil {
		return failed(exitWrite, "Failure writing output to destination")
	}
	if written != nil {
		return t.failure(written)
	}
	if bad && s.Bool("fail-with-body") {
		return refused
	}
	return nil
}

// destination opens what the body is written to.
func (s *session) destination(t *transfer) (io.WriteCloser, error) {
	if t.output == "" || t.output == "-" {
		return open{s.Stdout}, nil
	}
	name := s.Path(t.output)
	if s.Bool("create-dirs") {
		_ = os.MkdirAll(filepath.Dir(name), 0o755)
	}
	f, err := os.Create(name)
	if err != nil {
		s.warn("Failed to open the file %s: %v", t.output, errors.Unwrap(err))
		return nil, failed(exitWrite, "Failure writing output to destination")
	}
	return f, nil
}

// open is a writer that stays open.
type open struct{ io.Writer }

// Close does nothing.
func (open) Close() error { return nil }

func (s *session) dumpHeader(response *http.Response) error {
	switch name := s.String("dump-header"); name {
	case "":
	case "-":
		writeHead(s.Stdout, response, "")
	default:
		f, err := os.Create(s.Path(name))
		if err != nil {
			return failed(exitWrite, "Failed to open %s", name)
		}
		defer f.Close()
		writeHead(f, response, "")
	}
	return nil
}

// failure puts an error of a transfer into curl's words.
func (t *transfer) failure(err error) error {
	if _, ok := errors.AsType[*failure](err); ok {
		return err
	}
	host, elapsed := t.wanted.url.Hostname(), time.Since(t.began).Milliseconds()
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return failed(exitResolve, "Could not resolve host: %s", dns.Name)
	}
	if timeout, ok := errors.AsType[net.Error](err); errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout() {
		return failed(exitTimeout, "Operation timed out after %d milliseconds with %d bytes received", elapsed, t.received)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return failed(exitConnect, "Failed to connect to %s port %s after %d ms: Couldn't connect to server", host, portOf(t.wanted.url), elapsed)
	}
	if peer, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return failed(exitPeer, "%s", distrust(peer.Err, host))
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return failed(18, "transfer closed with outstanding read data remaining")
	case errors.Is(err, io.EOF):
		return failed(exitEmpty, "Empty reply from server")
	case errors.Is(err, syscall.ECONNRESET):
		return failed(exitReceive, "Recv failure: Connection reset by peer")
	case errors.Is(err, syscall.EPIPE), errors.Is(err, os.ErrClosed):
		return failed(exitWrite, "Failure writing output to destination")
	}
	if t.wanted.url.Scheme == "https" && t.response == nil {
		return failed(exitTLS, "TLS connect error: %v", err)
	}
	return failed(exitReceive, "%v", err)
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// distrust is why a certificate is not trusted, in OpenSSL's words.
func distrust(err error, host string) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("SSL: no alternative certificate subject name matches target host name '%s'", host)
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "SSL certificate problem: unable to get local issuer certificate"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "SSL certificate problem: certificate has expired"
	}
	return "SSL certificate problem: " + err.Error()
}
