package builtin

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Mirror says where the images of a host, or of a path of it, are instead.
type Mirror struct {
	// Of is the host, or host and path, whose images are meant, such as docker.io or mcr.microsoft.com/dotnet.
	Of string
	// Layout is the directory of an OCI layout, or one in which layouts lie under the names of repositories; empty if the
	// mirror is a registry.
	Layout string
	// Registry is the login server of an emulated registry, perhaps with a path, before what is left of a repository's name;
	// empty if the mirror is a layout.
	Registry string
}

// ParseMirror reads the value of --mirror: HOST[/PATH]=oci:DIRECTORY or HOST[/PATH]=LOGINSERVER[/PATH].
func ParseMirror(text string) (Mirror, error) {
	of, to, found := strings.Cut(text, "=")
	if !found || of == "" || to == "" {
		return Mirror{}, fmt.Errorf("mirror %q: it is written HOST[/PATH]=oci:DIRECTORY or HOST[/PATH]=LOGINSERVER[/PATH]", text)
	}
	if err := checkPrefix(of); err != nil {
		return Mirror{}, fmt.Errorf("mirror %q: %w", text, err)
	}
	if dir, ok := strings.CutPrefix(to, "oci:"); ok {
		if dir == "" {
			return Mirror{}, fmt.Errorf("mirror %q: oci: needs a directory", text)
		}
		return Mirror{Of: of, Layout: filepath.Clean(dir)}, nil
	}
	if err := checkPrefix(to); err != nil {
		return Mirror{}, fmt.Errorf("mirror %q: %w", text, err)
	}
	return Mirror{Of: of, Registry: to}, nil
}

// checkPrefix reports what keeps a text from being the beginning of a reference: a host, and perhaps a path.
func checkPrefix(text string) error {
	host, _, _ := strings.Cut(text, "/")
	named, err := reference.ParseNormalizedNamed(text + "/a/a")
	if err != nil || reference.Domain(named) != host || !reference.IsNameOnly(named) || strings.ToLower(text) != text {
		return fmt.Errorf("%q is no host, nor host and path, of a registry", text)
	}
	return nil
}

// String writes a mirror as ParseMirror reads it.
func (m Mirror) String() string {
	if m.Layout != "" {
		return m.Of + "=oci:" + m.Layout
	}
	return m.Of + "=" + m.Registry
}

// Mirrors find images outside the emulator. The zero value knows none.
type Mirrors struct {
	// Mirrors are asked first; the one with the longest name that fits counts.
	Mirrors []Mirror
	// Images are asked next; nil is none.
	Images *Images
	// Pull pulls an image of an emulated registry, as whoever needs it: mirrors are no way around the gate. Without it the
	// mirrors that are registries are not there.
	Pull func(ctx context.Context, reference string, platform *v1.Platform) (v1.Image, error)
}

// With is a copy whose registries are asked with pull.
func (m Mirrors) With(pull func(ctx context.Context, reference string, platform *v1.Platform) (v1.Image, error)) Mirrors {
	m.Pull = pull
	return m
}

// OutsideError says that an image is not in the emulated world.
type OutsideError struct {
	// Reference is the image, in full, such as docker.io/library/debian:12.
	Reference string
	// Host is its registry.
	Host string
	// Mirror is the mirror in which it was looked for; empty if there is none.
	Mirror string
	// NoProgram says that it would be built in, if the emulator knew of a program to build it of.
	NoProgram bool
}

// Error says it, and what helps, in one line.
func (e *OutsideError) Error() string {
	if e.Mirror != "" {
		return fmt.Sprintf("%s is not in the mirror %s: add it there, as skopeo copy docker://NAME oci:DIR:NAME does, or push it to one of this emulator's registries", e.Reference, e.Mirror)
	}
	if e.NoProgram {
		return e.Reference + " is built in where Options.Executable names a program that calls emulator.Main first, which this emulator was started without"
	}
	return fmt.Sprintf("%s is outside this emulator: give it with --mirror %s=oci:DIR, or push it to one of its registries", e.Reference, e.Host)
}

// maxReference bounds a reference, in bytes.
const maxReference = 1024

// Resolve finds an image outside the emulator: in a mirror, else among the built-in ones. A reference is read as docker
// reads it, so that debian is docker.io/library/debian:latest. A nil platform is that of this machine, on Linux. The error
// is an *OutsideError where there is none, or that of whoever has it. Layers are read when they are asked for.
func (m Mirrors) Resolve(ctx context.Context, image string, platform *v1.Platform) (v1.Image, error) {
	named, err := parseReference(image)
	if err != nil {
		return nil, err
	}
	missing := &OutsideError{Reference: named.String(), Host: reference.Domain(named)}
	if mirror, rest, ok := m.find(named); ok {
		found, err := m.ask(ctx, mirror, rest, asked{named, orOwn(platform)})
		if !errors.Is(err, errNotThere) {
			return found, err
		}
		missing.Mirror = mirror.String()
	}
	if m.Images == nil {
		missing.NoProgram = slices.Contains(Repositories(), named.Name())
		return nil, missing
	}
	found, err := m.Images.Image(named.Name(), platform)
	if found == nil && err == nil {
		return nil, missing
	}
	return found, err
}

func parseReference(text string) (reference.Named, error) {
	if len(text) > maxReference {
		return nil, fmt.Errorf("%.60q… is too long for a reference to an image", text)
	}
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no reference to an image: %w", text, err)
	}
	return reference.TagNameOnly(named), nil
}

// orOwn is a platform, or that of this machine, on Linux.
func orOwn(p *v1.Platform) v1.Platform {
	if p == nil {
		return v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	}
	return *p
}

// find finds the mirror that counts for a name, and what is left of the name.
func (m Mirrors) find(named reference.Named) (found Mirror, rest string, ok bool) {
	for _, one := range m.Mirrors {
		left, fits := within(named, one.Of)
		if fits && (!ok || len(one.Of) > len(found.Of)) {
			found, rest, ok = one, left, true
		}
	}
	return found, rest, ok
}

// within reports whether a name lies under a host or path, and what is left of it. docker.io/debian is as good as
// docker.io/library/debian.
func within(named reference.Named, of string) (rest string, ok bool) {
	for _, name := range [...]string{named.Name(), reference.Domain(named) + "/" + reference.FamiliarName(named)} {
		if name == of {
			return "", true
		}
		if rest, ok := strings.CutPrefix(name, of+"/"); ok {
			return rest, true
		}
	}
	return "", false
}

// asked is an image that is asked for.
type asked struct {
	named    reference.Named
	platform v1.Platform
}

// errNotThere says that a mirror does not have the image.
var errNotThere = errors.New("not in the mirror")

func (m Mirrors) ask(ctx context.Context, mirror Mirror, rest string, a asked) (v1.Image, error) {
	if mirror.Layout != "" {
		return imageOf(mirror.Layout, rest, a)
	}
	if m.Pull == nil {
		return nil, errNotThere
	}
	name := mirror.Registry
	if rest != "" {
		name += "/" + rest
	}
	return m.Pull(ctx, name+suffix(a.named), &a.platform)
}

// suffix is what names the version of an image: its digest, else its tag.
func suffix(named reference.Named) string {
	if d, ok := named.(reference.Digested); ok {
		return "@" + d.Digest().String()
	}
	if t, ok := named.(reference.Tagged); ok {
		return ":" + t.Tag()
	}
	return ""
}
