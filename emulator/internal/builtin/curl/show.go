package curl

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *session) verbose(format string, args ...any) {
	if s.Bool("verbose") {
		fmt.Fprintf(s.Stderr, format, args...)
	}
}

// show prints a request as it was sent.
func (w *wanted) show(s *session) {
	r := w.request()
	s.verbose("> %s %s HTTP/1.1\n> Host: %s\n", r.Method, r.URL.RequestURI(), r.Host)
	for _, name := range w.order {
		for _, value := range w.header[name] {
			s.verbose("> %s: %s\n", name, value)
		}
	}
	if w.body != nil {
		s.verbose("> Content-Length: %d\n", len(w.body))
	}
	s.verbose(">\n")
}

// writeHead writes status and headers of an answer, each line after a prefix. What net/http keeps apart is put back.
func writeHead(out io.Writer, r *http.Response, prefix string) {
	end := "\r\n"
	if prefix != "" {
		end = "\n"
	}
	fmt.Fprintf(out, "%sHTTP/%d.%d %s%s", prefix, r.ProtoMajor, r.ProtoMinor, r.Status, end)
	header := r.Header.Clone()
	if len(r.TransferEncoding) > 0 {
		header.Set("Transfer-Encoding", strings.Join(r.TransferEncoding, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			fmt.Fprintf(out, "%s%s: %s%s", prefix, name, value, end)
		}
	}
	fmt.Fprint(out, strings.TrimRight(prefix, " ")+end)
}

// writeOut prints what --write-out asks for.
func (s *session) writeOut(t *transfer, code int) {
	format := s.String("write-out")
	var b strings.Builder
	for format != "" {
		switch {
		case strings.HasPrefix(format, "%{"):
			name, rest, found := strings.Cut(format[2:], "}")
			if !found {
				b.WriteString(format)
				rest = ""
			} else {
				b.WriteString(t.variable(name, code))
			}
			format = rest
		case strings.HasPrefix(format, "%%"):
			b.WriteByte('%')
			format = format[2:]
		case len(format) > 1 && format[0] == '\\' && strings.IndexByte("nrt", format[1]) >= 0:
			b.WriteByte("\n\r\t"[strings.IndexByte("nrt", format[1])])
			format = format[2:]
		default:
			b.WriteByte(format[0])
			format = format[1:]
		}
	}
	fmt.Fprint(s.Stdout, b.String())
}

// variable is a value that --write-out may ask for; of a transfer that could not begin there is little.
func (t *transfer) variable(name string, code int) string {
	if name == "exitcode" {
		return strconv.Itoa(code)
	}
	status := 0
	if t != nil && t.response != nil {
		status = t.response.StatusCode
	}
	if name == "http_code" || name == "response_code" {
		return fmt.Sprintf("%03d", status)
	}
	if t == nil {
		return ""
	}
	switch name {
	case "size_download":
		return strconv.FormatInt(t.received, 10)
	case "url_effective", "url":
		return t.wanted.url.String()
	case "method":
		return t.wanted.method
	case "scheme":
		return t.wanted.url.Scheme
	case "content_type":
		return t.header("Content-Type")
	case "redirect_url":
		return t.header("Location")
	case "num_redirects":
		return strconv.Itoa(t.redirects)
	case "time_total":
		return fmt.Sprintf("%.6f", time.Since(t.began).Seconds())
	case "remote_ip":
		return strings.Trim(t.remote[:max(0, strings.LastIndexByte(t.remote, ':'))], "[]")
	case "remote_port":
		return last(t.remote, ":")
	}
	return ""
}
