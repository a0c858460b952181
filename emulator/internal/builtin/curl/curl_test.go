package curl

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin/program"
)

// site is what the tests ask.
func site() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s\n", r.Method, r.URL.RequestURI(), body)
	})
	mux.HandleFunc("/header", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s|%s|%s|%s|%s\n", r.Host, r.UserAgent(), r.Header.Get("Accept"), r.Header.Get("Content-Type"), r.Header.Get("Authorization"))
	})
	mux.HandleFunc("/x", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%q", r.Header["X"]) })
	mux.HandleFunc("/404", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "gone", http.StatusNotFound) })
	mux.HandleFunc("/hop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/end", http.StatusFound) })
	mux.HandleFunc("/hop307", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/end", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	tries := 0
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) {
		if tries++; tries < 3 {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "at last")
	})
	return mux
}

// call runs curl in a directory; URL in arguments is the site's address.
func call(ctx context.Context, dir, address, args string) (output, messages string, code int) {
	var out, problems bytes.Buffer
	words := []string{"curl"}
	for _, word := range strings.Fields(args) {
		words = append(words, strings.NewReplacer("URL", address, "~", " ").Replace(word))
	}
	s := &session{
		Process: program.Process{Args: words, Dir: dir, Stdin: strings.NewReader("from stdin"), Stdout: &out, Stderr: &problems},
		after:   func(time.Duration) <-chan time.Time { c := make(chan time.Time, 1); c <- time.Now(); return c },
	}
	code = run(ctx, s)
	return out.String(), problems.String(), code
}

// TestCurl: what calls print, and how they end.
func TestCurl(t *testing.T) {
	server := httptest.NewServer(site())
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "body"), []byte("a=1\nb"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		args, out, problems string
		code                int
	}{
		{args: "URL", out: "GET / \n"},
		{args: host + "/a?b=c", out: "GET /a?b=c \n"},
		{args: "-s URL/1 URL/2", out: "GET /1 \nGET /2 \n"},
		{args: "-X DELETE URL/d", out: "DELETE /d \n"},
		{args: "-d a=1 -d b=2 URL", out: "POST / a=1&b=2\n"},
		{args: "-d @body URL", out: "POST / a=1b\n"},
		{args: "--data-binary @body URL", out: "POST / a=1\nb\n"},
		{args: "--data-raw @body URL", out: "POST / @body\n"},
		{args: "--data-urlencode a=b~c URL", out: "POST / a=b+c\n"},
		{args: "-G -d a=1 URL/?z=0", out: "GET /?z=0&a=1 \n"},
		{args: "-T body URL/put", out: "PUT /put a=1\nb\n"},
		{args: "-d @- -X PUT URL", out: "PUT / from stdin\n"},
		{args: "-d @nosuch URL", problems: "curl: (26) Failed to open nosuch\n", code: 26},
		{args: "URL/header", out: host + "|curl/8.5.0|*/*||\n"},
		{args: "-A me -H Host:~other -H Accept:~text/plain -u a:b -d x URL/header", out: "other|me|text/plain|application/x-www-form-urlencoded|Basic YTpi\n"},
		{args: "--json {} URL/header", out: host + "|curl/8.5.0|application/json|application/json|\n"},
		{args: "--oauth2-bearer t URL/header", out: host + "|curl/8.5.0|*/*||Bearer t\n"},
		{args: "-H X:1 URL/x", out: `["1"]`},
		{args: "-H X; URL/x", out: `[""]`},
		{args: "-H Accept: -H User-Agent: URL/header", out: host + "||||\n"},
		{args: "http://u:p@" + host + "/header", out: host + "|curl/8.5.0|*/*||Basic dTpw\n"},
		{args: "URL/404", out: "gone\n"},
		{args: "-f URL/404", problems: "curl: (22) The requested URL returned error: 404\n", code: 22},
		{args: "-sf URL/404", code: 22},
		{args: "-sSf URL/404", problems: "curl: (22) The requested URL returned error: 404\n", code: 22},
		{args: "--fail-with-body -s URL/404", out: "gone\n", code: 22},
		{args: "-s -o /dev/null -w %{http_code}\\n URL/404", out: "404\n"},
		{args: "-w |%{method}|%{num_redirects}|%{exitcode}|%{size_download}|%%|%{nosuch} -o /dev/null URL", out: "|GET|0|0|7|%|"},
		{args: "-s -L -w %{num_redirects} URL/hop", out: "GET /end \n1"},
		{args: "-sL -d x URL/hop", out: "GET /end \n"},
		{args: "-sL -d x URL/hop307", out: "POST /end x\n"},
		{args: "-sL -X POST -d x URL/hop", out: "POST /end \n"},
		{args: "-L --max-redirs 3 URL/loop", problems: "curl: (47) Maximum (3) redirects followed\n", code: 47},
		{args: "-sI -w %{http_code} -o /dev/null URL", out: "200"},
		{args: "-o out URL"},
		{args: "-s -O URL/name"},
		{args: "-O URL/", problems: "curl: (23) Remote file name has no length\n", code: 23},
		{args: "-o no/such URL", problems: "Warning: Failed to open the file no/such: no such file or directory\ncurl: (23) Failure writing output to destination\n", code: 23},
		{args: "-o deep/er --create-dirs URL"},
		{args: "--retry 2 -s URL/busy", out: "at last"},
		{args: "-m 0.05 URL/slow", code: 28, problems: "curl: (28) Operation timed out after "},
		{args: "URL/empty", code: 52, problems: "curl: (52) Empty reply from server\n"},
		{args: "", code: 2, problems: "curl: no URL specified!\ncurl: try 'curl --help' for more information\n"},
		{args: "--nosuch URL", code: 2, problems: "curl: option --nosuch: is unknown\ncurl: try 'curl --help' for more information\n"},
		{args: "-X", code: 2, problems: "curl: option -X: requires parameter\ncurl: try 'curl --help' for more information\n"},
		{args: "-m x URL", code: 2, problems: "curl: (2) expected a proper numerical parameter for --max-time\n"},
		{args: "ftp://x/", code: 1, problems: "curl: (1) Protocol \"ftp\" not supported\n"},
		{args: "http://", code: 3, problems: "curl: (3) URL using bad/illegal format or missing URL\n"},
		{args: "-w %{http_code} http://", code: 3, out: "000", problems: "curl: (3) URL using bad/illegal format or missing URL\n"},
		{args: "--version", out: "curl 8.5.0 (acrlocal: a subset)\nProtocols: http https\n"},
	} {
		t.Run(row.args, func(t *testing.T) {
			out, problems, code := call(t.Context(), dir, server.URL, row.args)
			if out != row.out || !strings.HasPrefix(problems, row.problems) || row.problems == "" && problems != "" || code != row.code {
				t.Errorf("%d %q %q\nwant %d %q %q", code, out, problems, row.code, row.out, row.problems)
			}
		})
	}
	for name, want := range map[string]string{"out": "GET / \n", "name": "GET /name \n", "deep/er": "GET / \n"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestRetry: curl says why it tries again, waits as the answer asks, and gives up.
func TestRetry(t *testing.T) {
	server := httptest.NewServer(site())
	defer server.Close()
	_, problems, code := call(t.Context(), t.TempDir(), server.URL, "--retry 1 -f URL/busy")
	want := "Warning: Problem: HTTP error. Will retry in 7 seconds. 1 retries left.\ncurl: (22) The requested URL returned error: 503\n"
	if problems != want || code != exitHTTP {
		t.Errorf("%d %s", code, problems)
	}
	for try, want := range map[int]time.Duration{0: time.Second, 3: 8 * time.Second, 9: 512 * time.Second, 10: 10 * time.Minute, 99: 10 * time.Minute} {
		if got := retryDelay(try); got != want {
			t.Errorf("try %d waits %v", try, got)
		}
	}
}

// TestConnections: what cannot be connected to, and whom curl does not trust.
func TestConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	_, problems, code := call(t.Context(), t.TempDir(), "http://"+closed, "URL")
	if code != exitConnect || !strings.HasPrefix(problems, "curl: (7) Failed to connect to 127.0.0.1 port ") || !strings.HasSuffix(problems, "Couldn't connect to server\n") {
		t.Errorf("%d %s", code, problems)
	}
	server := httptest.NewUnstartedServer(site())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	_, problems, code = call(t.Context(), t.TempDir(), server.URL, "URL")
	if code != exitPeer || !strings.HasPrefix(problems, "curl: (60) SSL certificate problem: unable to get local issuer certificate\n") {
		t.Errorf("%d %s", code, problems)
	}
	if out, problems, code := call(t.Context(), t.TempDir(), server.URL, "-k URL/a"); out != "GET /a \n" {
		t.Errorf("%d %s %s", code, out, problems)
	}
	plain := httptest.NewServer(site())
	defer plain.Close()
	_, problems, code = call(t.Context(), t.TempDir(), strings.Replace(plain.URL, "http", "https", 1), "URL")
	if code != exitTLS {
		t.Errorf("%d %s", code, problems)
	}
}

// TestFailures: the words and codes for what a connection ends with.
func TestFailures(t *testing.T) {
	address := &url.URL{Scheme: "http", Host: "a.example"}
	for _, row := range []struct {
		err  error
		want string
	}{
		{&net.DNSError{Name: "a.example", IsNotFound: true}, "(6) Could not resolve host: a.example"},
		{io.ErrUnexpectedEOF, "(18) transfer closed with outstanding read data remaining"},
		{syscall.ECONNRESET, "(56) Recv failure: Connection reset by peer"},
		{syscall.EPIPE, "(23) Failure writing output to destination"},
		{errors.New("odd"), "(56) get: odd"},
		{failed(47, "known"), "(47) known"},
	} {
		transfer := &transfer{wanted: &wanted{url: address}, began: time.Now()}
		if got := transfer.failure(fmt.Errorf("get: %w", row.err)); !strings.HasSuffix(got.Error(), row.want) {
			t.Errorf("%v: %v", row.err, got)
		}
	}
	for _, row := range []struct {
		err  error
		want string
	}{
		{x509.HostnameError{}, "SSL: no alternative certificate subject name matches target host name 'h'"},
		{x509.UnknownAuthorityError{}, "SSL certificate problem: unable to get local issuer certificate"},
		{x509.CertificateInvalidError{Reason: x509.Expired}, "SSL certificate problem: certificate has expired"},
		{errors.New("odd"), "SSL certificate problem: odd"},
	} {
		if got := distrust(row.err, "h"); got != row.want {
			t.Errorf("%v: %s", row.err, got)
		}
	}
}

// TestVerbose: -v shows what is sent and what comes, -i and -I the head of the answer.
func TestVerbose(t *testing.T) {
	server := httptest.NewServer(site())
	defer server.Close()
	_, problems, _ := call(t.Context(), t.TempDir(), server.URL, "-v -d x -H A:b URL/p?q")
	for _, want := range []string{
		"* Connected to 127.0.0.1 (127.0.0.1:", "> POST /p?q HTTP/1.1\n> Host: 127.0.0.1:",
		"> Content-Type: application/x-www-form-urlencoded\n> User-Agent: curl/8.5.0\n> Accept: */*\n> A: b\n> Content-Length: 1\n>\n< HTTP/1.1 200 OK\n",
	} {
		if !strings.Contains(problems, want) {
			t.Errorf("%q is not in\n%s", want, problems)
		}
	}
	out, _, _ := call(t.Context(), t.TempDir(), server.URL, "-sI URL")
	if !strings.HasPrefix(out, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(out, "\r\n\r\n") {
		t.Errorf("%q", out)
	}
	out, _, _ = call(t.Context(), t.TempDir(), server.URL, "-si -L URL/hop")
	if strings.Count(out, "HTTP/1.1 ") != 2 || !strings.HasSuffix(out, "\r\n\r\nGET /end \n") {
		t.Errorf("%q", out)
	}
}

// TestCredentialsStay: a redirection to another host gets no credential, unless it is trusted.
func TestCredentialsStay(t *testing.T) {
	other := httptest.NewServer(site())
	defer other.Close()
	first := httptest.NewServer(http.RedirectHandler(other.URL+"/header", http.StatusFound))
	defer first.Close()
	if out, _, _ := call(t.Context(), t.TempDir(), first.URL, "-sL -u a:b URL"); strings.Contains(out, "Basic") {
		t.Error("a password went to another host:", out)
	}
	if out, _, _ := call(t.Context(), t.TempDir(), first.URL, "-sL --location-trusted -u a:b URL"); !strings.Contains(out, "Basic YTpi") {
		t.Error("a password did not go to a trusted host:", out)
	}
}

// FuzzArguments: whatever the arguments, a request is made of them or they are refused.
func FuzzArguments(f *testing.F) {
	for _, seed := range []string{"-sSfL\x00-H\x00a: b\x00x/y", "-d\x00@\x00http://[::1", "-XPOST\x00--url\x00a b", "-u:\x00-H;\x00h", "--json\x00{}\x00é"} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, joined string) {
		s := &session{Process: program.Process{Args: append([]string{"curl"}, strings.Split(joined, "\x00")...), Dir: dir, Stdin: strings.NewReader("")}}
		var err error
		if s.Arguments, err = parse(s.Args[1:]); err != nil {
			return
		}
		for _, address := range s.Rest {
			w, err := s.newWanted(address)
			if err != nil {
				continue
			}
			if r := w.request(); r.URL.Host == "" || r.URL.Scheme != "http" && r.URL.Scheme != "https" {
				t.Errorf("%q asks %v", joined, r.URL)
			}
		}
		s.Stdout, s.Stderr = io.Discard, io.Discard
		s.writeOut(nil, 0)
	})
}
