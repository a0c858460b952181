package acr

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

const (
	// maxAgo is the longest duration that --ago means; what is longer is cut.
	maxAgo = 150 * 365 * day
	day    = 24 * time.Hour
	// filterTimeout bounds the evaluation of one expression for one name: they may backtrack.
	filterTimeout = time.Minute
	// maxFilter bounds a filter, in bytes.
	maxFilter = 16 << 10
)

// parseAgo reads the value of --ago: days, such as 3d, then a duration of Go, such as 2h30m; either may be missing. It
// reports whether the duration was cut.
func parseAgo(text string) (ago time.Duration, capped bool, err error) {
	if text == "" {
		return 0, false, errors.New(`time: invalid duration ""`)
	}
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "0", text
	}
	count, err := parseDays(days)
	if err != nil {
		return 0, false, fmt.Errorf("time: invalid duration %q", text)
	}
	var more time.Duration
	if rest != "" {
		if more, err = time.ParseDuration(rest); err != nil {
			return 0, false, err
		}
	}
	if count < 0 || more < 0 {
		return 0, false, fmt.Errorf("time: invalid duration %q", text)
	}
	if count > int(maxAgo/day) || more > maxAgo || time.Duration(count)*day+more > maxAgo {
		return maxAgo, true, nil
	}
	return time.Duration(count)*day + more, false, nil
}

// parseDays reads a number of days, of which all that are too many are alike.
func parseDays(digits string) (int, error) {
	if digits == "" {
		return 0, errors.New("no days")
	}
	n := 0
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, errors.New("no number")
		}
		n = min(n*10+int(c-'0'), int(maxAgo/day)+1)
	}
	return n, nil
}

// filter is a value of --filter: an expression for repositories, one for tags.
type filter struct{ repository, tag string }

// separators finds the colons of a filter that are none of a group such as (?:x) or (?i:x), nor of a class [:].
const separators = `(?<!\(\?[imsU-]{0,5}|\[*\^*\[\^*):(?!\]\]*)`

// parseFilter splits REPOSITORY:TAG.
func parseFilter(text string) (filter, error) {
	if len(text) > maxFilter || strings.Contains(text, "\n") || !utf8.ValidString(text) {
		return filter{}, errors.New("unable to correctly parse filter flag")
	}
	colons, err := compile(separators, filterTimeout)
	if err != nil {
		return filter{}, err
	}
	marked, err := colons.Replace(text, "\n", -1, -1)
	if err != nil {
		return filter{}, errors.New("could not replace split filter by repo and tag")
	}
	parts := strings.Split(marked, "\n")
	switch {
	case len(parts) != 2:
		return filter{}, errors.New("unable to correctly parse filter flag")
	case parts[0] == "":
		return filter{}, errors.New("missing repository name/expression")
	case parts[1] == "":
		return filter{}, errors.New("missing tag name/expression")
	}
	return filter{parts[0], parts[1]}, nil
}

// compile compiles an expression in the dialect of acr-cli: that of RE2, with look-around and backtracking besides.
func compile(expression string, timeout time.Duration) (*regexp2.Regexp, error) {
	compiled, err := regexp2.Compile(expression, regexp2.RE2)
	if err != nil {
		return nil, err
	}
	if timeout <= 0 {
		timeout = filterTimeout
	}
	compiled.MatchTimeout = timeout
	return compiled, nil
}

// matching returns the names that an expression matches.
func matching(names []string, expression string, timeout time.Duration) ([]string, error) {
	compiled, err := compile(expression, timeout)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, name := range names {
		ok, err := compiled.MatchString(name)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, name)
		}
	}
	return found, nil
}

// plan says which tags of which repositories are meant: an expression by the repository's name. Several filters that
// match one repository are alternatives.
func plan(repositories, filters []string, timeout time.Duration) (map[string]string, error) {
	expressions := map[string]string{}
	for _, text := range filters {
		f, err := parseFilter(text)
		if err != nil {
			return nil, err
		}
		names, err := matching(repositories, "^"+f.repository+"$", timeout)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if before, ok := expressions[name]; ok {
				expressions[name] = before + "|" + f.tag
			} else {
				expressions[name] = f.tag
			}
		}
	}
	return expressions, nil
}
