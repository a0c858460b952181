package builtin

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// The annotations by which tools name the images of a layout.
var nameAnnotations = [...]string{"io.containerd.image.name", "org.opencontainers.image.ref.name"}

// maxManifest bounds a manifest or index, in bytes.
const maxManifest = 4 << 20

// maxDepth bounds how deep an index may stand in another.
const maxDepth = 3

// imageOf finds an image in a layout, or in a directory of layouts; errNotThere if it has none.
func imageOf(dir, rest string, a asked) (v1.Image, error) {
	l, found, err := descriptorOf(dir, rest, a.named)
	if err != nil {
		return nil, err
	}
	root, err := l.ImageIndex()
	if err != nil {
		return nil, err
	}
	image, err := pick(root, found, a.platform, maxDepth)
	if err != nil && !errors.Is(err, errNotThere) {
		return nil, fmt.Errorf("%s in oci:%s: %w", a.named, dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s in oci:%s is not for %s", a.named, dir, a.platform)
	}
	return image, nil
}

// descriptorOf finds what a name means in a directory: a layout that has a name for it, or DIR/REPOSITORY, which is one.
func descriptorOf(dir, rest string, named reference.Named) (layout.Path, v1.Descriptor, error) {
	tag := ""
	if t, ok := named.(reference.Tagged); ok {
		tag = t.Tag()
	}
	places := [...]struct {
		dir   string
		names []string
	}{
		{dir, []string{named.String(), reference.FamiliarString(named), reference.Path(named) + ":" + tag, rest + ":" + tag}},
		{filepath.Join(dir, filepath.FromSlash(rest)), []string{tag}},
	}
	for _, place := range places {
		l, err := layout.FromPath(place.dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", v1.Descriptor{}, fmt.Errorf("mirror oci:%s: %w", place.dir, err)
		}
		found, err := entry(l, place.names, named)
		if !errors.Is(err, errNotThere) {
			return l, found, err
		}
	}
	return "", v1.Descriptor{}, errNotThere
}

// entry finds a descriptor in the index of a layout: by digest if one is asked for, else by its names.
func entry(l layout.Path, names []string, named reference.Named) (v1.Descriptor, error) {
	index, err := indexOf(l)
	if err != nil {
		return v1.Descriptor{}, err
	}
	digested, isDigest := named.(reference.Digested)
	for _, d := range index.Manifests {
		if isDigest && d.Digest.String() == digested.Digest().String() {
			return d, nil
		}
		for _, annotation := range &nameAnnotations {
			for _, name := range names {
				if !isDigest && name != "" && d.Annotations[annotation] == name {
					return d, nil
				}
			}
		}
	}
	return v1.Descriptor{}, errNotThere
}

func indexOf(l layout.Path) (*v1.IndexManifest, error) {
	index, err := l.ImageIndex()
	if err != nil {
		return nil, err
	}
	return index.IndexManifest()
}

// pick finds the image for a platform in what a descriptor of an index describes.
func pick(index v1.ImageIndex, d v1.Descriptor, platform v1.Platform, depth int) (v1.Image, error) {
	if !d.MediaType.IsIndex() {
		return index.Image(d.Digest)
	}
	if depth == 0 {
		return nil, errors.New("indexes stand too deep in one another")
	}
	inner, err := index.ImageIndex(d.Digest)
	if err != nil {
		return nil, err
	}
	manifest, err := inner.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, child := range manifest.Manifests {
		if !isFor(child, platform) {
			continue
		}
		image, err := pick(inner, child, platform, depth-1)
		if !errors.Is(err, errNotThere) {
			return image, err
		}
	}
	return nil, errNotThere
}

// isFor reports whether a descriptor may lead to an image for a platform; an index that names none may.
func isFor(d v1.Descriptor, platform v1.Platform) bool {
	if d.Platform == nil {
		return d.MediaType.IsIndex()
	}
	return d.Platform.Satisfies(platform)
}

// blob reads a small blob.
func blob(l layout.Path, digest v1.Hash) ([]byte, error) {
	f, err := openBlob(string(l), digest)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err == nil && len(data) > maxManifest {
		err = fmt.Errorf("%s is longer than a manifest may be", digest)
	}
	return data, err
}

// openBlob opens a blob of a layout; fs.ErrNotExist if there is none.
func openBlob(dir string, digest v1.Hash) (*os.File, error) {
	return os.Open(filepath.Join(dir, "blobs", digest.Algorithm, digest.Hex))
}
