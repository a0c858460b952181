package source

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// Kind is what a context is.
type Kind uint8

// The kinds of contexts.
const (
	// None is no context: empty, or /dev/null.
	None Kind = iota
	// Path is a path: of an upload, or below the workspace. Who asks knows which.
	Path
	// Archive is a tar archive at a URL.
	Archive
	// Git is a repository.
	Git
	// Artifact is in a registry.
	Artifact
)

// Location is a context that was understood.
type Location struct {
	// Kind says which of the fields mean something.
	Kind Kind
	// Path is that of a [Path].
	Path string
	// URL is that of an [Archive], or of a repository without its fragment. It may hold a password, and is not for messages.
	URL *url.URL
	// Ref is the branch, tag or commit of a repository; empty is its default branch.
	Ref string
	// Dir is the directory of a repository that is the context; empty is all of it.
	Dir string
	// Reference is that of an [Artifact], without oci://.
	Reference string
}

// gitName is how the address of a repository ends.
var gitName = regexp.MustCompile(`\.git$`)

// Parse understands a context as ACR's engine does: what ends in .git is a repository, and so is one of Azure DevOps; other
// URLs are archives. The error is for a context that cannot be fetched at all, such as one by ssh.
func Parse(context string) (Location, error) {
	lower := strings.ToLower(context)
	switch {
	case context == "" || context == "/dev/null":
		return Location{}, nil
	case strings.HasPrefix(lower, "oci://"):
		return Location{Kind: Artifact, Reference: context[len("oci://"):]}, nil
	case hasPrefix(lower, "git@", "ssh://", "git://", "git+ssh://"):
		return Location{}, fmt.Errorf("%.200q is outside this emulator: it fetches repositories by http, https and file alone", context)
	case strings.HasPrefix(lower, "github.com/"):
		return parseURL("https://" + context)
	case hasPrefix(lower, "http://", "https://", "file://"):
		return parseURL(context)
	}
	return Location{Kind: Path, Path: context}, nil
}

func hasPrefix(text string, prefixes ...string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

func parseURL(text string) (Location, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Location{}, errors.New("the context is not a valid URL")
	}
	if u.Scheme != "file" && u.Hostname() == "" {
		return Location{}, fmt.Errorf("the context %q names no host", u.Redacted())
	}
	fragment := u.Fragment
	u.Fragment, u.RawFragment = "", ""
	if !isGit(u) {
		return Location{Kind: Archive, URL: u}, nil
	}
	l := Location{Kind: Git, URL: u}
	l.Ref, l.Dir, _ = strings.Cut(fragment, ":")
	if err := checkRef(l.Ref); err != nil {
		return Location{}, err
	}
	if l.Dir = path.Clean("/" + l.Dir)[1:]; strings.HasPrefix(l.Dir, "-") {
		return Location{}, fmt.Errorf("the directory %q is not valid", l.Dir)
	}
	return l, nil
}

// isGit reports whether a URL is a repository's. Azure DevOps has its own form, and every file: is one.
func isGit(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	isDevOps := host == "dev.azure.com" || strings.HasSuffix(host, ".visualstudio.com")
	return u.Scheme == "file" || host == "github.com" || gitName.MatchString(u.Path) || isDevOps && strings.Contains(u.Path, "/_git/") && u.RawQuery == ""
}

// refName is what may name a branch, tag or commit. It is more narrow than git, and has no option and no refspec in it.
var refName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./@=+%-]*$`)

const maxRefName = 251 // bytes

func checkRef(ref string) error {
	if ref == "" || len(ref) <= maxRefName && refName.MatchString(ref) && !strings.Contains(ref, "..") {
		return nil
	}
	return fmt.Errorf("%.200q cannot be the name of a branch, tag or commit", ref)
}
