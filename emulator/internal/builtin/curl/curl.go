// Package curl is the command curl, as far as scripts of tasks use it: HTTP and HTTPS, with curl's flags, exit codes and
// messages. It shows no progress meter, and speaks HTTP/1.1.
package curl

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin/program"
)

// Version is the version of curl whose behaviour this is.
const Version = "8.5.0"

// Exit codes of curl.
const (
	exitProtocol  = 1
	exitUsage     = 2
	exitURL       = 3
	exitResolve   = 6
	exitConnect   = 7
	exitHTTP      = 22
	exitWrite     = 23
	exitRead      = 26
	exitTimeout   = 28
	exitTLS       = 35
	exitRedirects = 47
	exitEmpty     = 52
	exitReceive   = 56
	exitPeer      = 60
)

// failure is what curl ends with: an exit code, and a message for people.
type failure struct {
	code    int
	message string
}

// Error has the form in which curl prints it.
func (f *failure) Error() string { return fmt.Sprintf("(%d) %s", f.code, f.message) }

func failed(code int, format string, args ...any) *failure {
	return &failure{code, fmt.Sprintf(format, args...)}
}

// The flags that are known, without and with a value: a long name, before it the letter if there is one.
const (
	plain = "s:silent S:show-error v:verbose f:fail fail-with-body k:insecure O:remote-name L:location location-trusted I:head " +
		"i:include G:get compressed http1.1 4:ipv4 6:ipv6 g:globoff no-progress-meter #:progress-bar N:no-buffer create-dirs " +
		"retry-connrefused retry-all-errors q:disable h:help V:version tlsv1.2"
	valued = "o:output X:request H:header d:data data-ascii data-raw data-binary data-urlencode json w:write-out u:user retry " +
		"retry-delay m:max-time connect-timeout A:user-agent e:referer max-redirs cacert T:upload-file url x:proxy D:dump-header " +
		"oauth2-bearer b:cookie"
)

func flags() []program.Flag { return append(flagsOf(plain, false), flagsOf(valued, true)...) }

func flagsOf(names string, value bool) []program.Flag {
	var all []program.Flag
	for _, name := range strings.Fields(names) {
		f := program.Flag{Long: name, Value: value}
		if letter, long, found := strings.Cut(name, ":"); found {
			f.Short, f.Long = letter[0], long
		}
		all = append(all, f)
	}
	return all
}

// Main is the program curl.
func Main(ctx context.Context, p program.Process) int {
	return run(ctx, &session{Process: p, after: time.After})
}

// session is one call of the program.
type session struct {
	program.Process
	program.Arguments
	after func(time.Duration) <-chan time.Time
}

func run(ctx context.Context, s *session) int {
	var err error
	if s.Arguments, err = parse(s.Process.Args[1:]); err != nil {
		return s.misused(worded(err))
	}
	switch urls := append(s.All("url"), s.Rest...); {
	case s.Bool("version"):
		fmt.Fprintf(s.Stdout, "curl %s (acrlocal: a subset)\nProtocols: http https\n", Version)
		return 0
	case s.Bool("help"):
		fmt.Fprintln(s.Stdout, "Usage: curl [options...] <url>")
		return 0
	case len(urls) == 0:
		return s.misused("no URL specified!")
	default:
		return s.all(ctx, urls)
	}
}

// parse reads the arguments. Unlike getopt, curl takes -- for no end, but no script relies on that.
func parse(args []string) (program.Arguments, error) { return program.Parse(flags(), args, false) }

// worded says in curl's words what is wrong with arguments.
func worded(err error) string {
	flag, ok := errors.AsType[*program.FlagError](err)
	switch {
	case !ok:
		return err.Error()
	case flag.Known:
		return fmt.Sprintf("option %s: requires parameter", flag.Given)
	}
	return fmt.Sprintf("option %s: is unknown", flag.Given)
}

func (s *session) misused(message string) int {
	fmt.Fprintf(s.Stderr, "curl: %s\ncurl: try 'curl --help' for more information\n", message)
	return exitUsage
}

// all asks for every URL; the last failure counts.
func (s *session) all(ctx context.Context, urls []string) int {
	code := 0
	for i, url := range urls {
		t, err := s.newTransfer(url, i)
		if err == nil {
			err = s.insist(ctx, t)
		}
		if f := s.report(err); f != nil {
			code = f.code
		}
		s.writeOut(t, code)
	}
	return code
}

// report prints a failure, unless the flags ask for silence.
func (s *session) report(err error) *failure {
	if err == nil {
		return nil
	}
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = failed(exitReceive, "%v", err)
	}
	if !s.Bool("silent") || s.Bool("show-error") {
		fmt.Fprintln(s.Stderr, "curl:", f)
		if f.code == exitPeer {
			fmt.Fprintln(s.Stderr, "More details here: https://curl.se/docs/sslcerts.html")
		}
	}
	return f
}

// warn prints a remark, unless the flags ask for silence.
func (s *session) warn(format string, args ...any) {
	if !s.Bool("silent") {
		fmt.Fprintf(s.Stderr, "Warning: "+format+"\n", args...)
	}
}

// seconds is the value of a flag for a duration, 0 if it was not given.
func (s *session) seconds(key string) (time.Duration, error) {
	if !s.Has(key) {
		return 0, nil
	}
	n, err := strconv.ParseFloat(s.String(key), 64)
	const most = 1e9
	if err != nil || n < 0 || n > most {
		return 0, failed(exitUsage, "expected a proper numerical parameter for --%s", key)
	}
	return time.Duration(n * float64(time.Second)), nil
}

// number is the value of a flag for a number.
func (s *session) number(key string, otherwise int) (int, error) {
	n, err := s.Int(key, otherwise)
	if err != nil || n < -1 {
		return 0, failed(exitUsage, "expected a proper numerical parameter for --%s", key)
	}
	return n, nil
}

// last is what follows the last mark in a text.
func last(text, mark string) string { return text[strings.LastIndex(text, mark)+1:] }
