package imagecase

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/klauspost/compress/zstd"
)

// entry is a line of a recipe:
//
//	dir PATH [MODE [UID:GID]]
//	file PATH [MODE [UID:GID]] [= CONTENT, a string of Go]
//	fifo PATH [MODE]
//	char PATH MODE MAJOR:MINOR
//	symlink PATH TARGET
//	hardlink PATH TARGET [MODE [UID:GID]], in an archive those of the target
//	base64 PATH CONTENT
//	tar PATH ARCHIVE        the archive of that name, compressed if the path ends in .gz or .zst
//	program PATH            the program of package e2e/imagecase/program, for this machine
//	layer                   in an image: what follows is another layer
//	config JSON             in an image: its configuration
type entry struct {
	verb, path, target string
	mode               int64
	uid, gid           int
	content            []byte
}

// modified is the time of every file of an image or an archive.
var modified = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (c *Case) entries(text string) ([]entry, error) {
	var all []entry
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		e, err := c.entry(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		all = append(all, e)
	}
	return all, nil
}

func (c *Case) entry(line string) (entry, error) {
	line, content, hasContent := strings.Cut(line, " = ")
	fields := append(strings.Fields(line), "", "", "", "", "")
	e := entry{verb: fields[0], path: fields[1], mode: map[string]int64{"dir": 0o755, "program": 0o755}[fields[0]]}
	if e.mode == 0 {
		e.mode = 0o644
	}
	var err error
	if hasContent {
		content, err = strconv.Unquote(content)
		e.content = []byte(content)
	}
	if err != nil {
		return e, err
	}
	switch e.verb {
	case "dir", "file", "fifo", "char":
		return e, e.attributes(fields[2], fields[3])
	case "symlink", "hardlink":
		e.target = fields[2]
		return e, e.attributes(fields[3], fields[4])
	case "base64":
		e.content, err = base64.StdEncoding.DecodeString(fields[2])
	case "tar":
		e.content, err = c.tar(e.path, section(c.archive, "archive/"+fields[2]))
	case "program":
		e.content, err = Program()
	case "layer":
	default:
		err = fmt.Errorf("unknown verb")
	}
	return e, err
}

func (e *entry) attributes(mode, owner string) (err error) {
	if mode != "" {
		e.mode, err = strconv.ParseInt(mode, 8, 32)
	}
	if err == nil && owner != "" {
		_, err = fmt.Sscanf(owner, "%d:%d", &e.uid, &e.gid)
	}
	return err
}

// kinds are the types of an entry in an archive; what is not named is a regular file.
var kinds = map[string]byte{
	"dir": tar.TypeDir, "symlink": tar.TypeSymlink, "hardlink": tar.TypeLink, "fifo": tar.TypeFifo, "char": tar.TypeChar,
}

func (e *entry) header() *tar.Header {
	h := &tar.Header{
		Typeflag: tar.TypeReg, Name: e.path, Linkname: e.target, Mode: e.mode, Uid: e.uid, Gid: e.gid,
		Size: int64(len(e.content)), ModTime: modified,
	}
	if kind, known := kinds[e.verb]; known {
		h.Typeflag = kind
	}
	switch e.verb {
	case "symlink":
		h.Mode = 0o777
	case "char":
		h.Devmajor, h.Devminor, h.Uid, h.Gid = int64(e.uid), int64(e.gid), 0, 0
	}
	return h
}

func writeTar(w io.Writer, entries []entry) error {
	archive := tar.NewWriter(w)
	for _, e := range entries {
		if err := archive.WriteHeader(e.header()); err != nil {
			return err
		}
		if _, err := archive.Write(e.content); err != nil {
			return err
		}
	}
	return archive.Close()
}

// tar makes an archive of a recipe.
func (c *Case) tar(name, recipe string) ([]byte, error) {
	entries, err := c.entries(recipe)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	var w io.WriteCloser = keepOpen{&out}
	switch filepath.Ext(name) {
	case ".gz", ".tgz":
		w = gzip.NewWriter(&out)
	case ".zst":
		if w, err = zstd.NewWriter(&out); err != nil {
			return nil, err
		}
	}
	if err := writeTar(w, entries); err != nil {
		return nil, err
	}
	return out.Bytes(), w.Close()
}

type keepOpen struct{ io.Writer }

// Close leaves open what is written to.
func (keepOpen) Close() error { return nil }

// create makes the file of an entry on the machine. Owners are left out: a context has none.
func (e *entry) create(dir string) error {
	name := filepath.Join(dir, e.path)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	switch e.verb {
	case "symlink":
		return os.Symlink(e.target, name)
	case "hardlink":
		return os.Link(filepath.Join(dir, e.target), name)
	case "fifo":
		if err := mkfifo(name); err != nil {
			return err
		}
	case "dir":
		if err := os.MkdirAll(name, 0o755); err != nil {
			return err
		}
	default:
		if err := os.WriteFile(name, e.content, 0o600); err != nil {
			return err
		}
	}
	return chmod(name, e.mode)
}

// image makes an image of a recipe.
func (c *Case) image(recipe string) (v1.Image, error) {
	config, layers, err := c.layers(recipe)
	if err != nil {
		return nil, err
	}
	image := empty.Image
	for _, entries := range layers {
		var out bytes.Buffer
		if err := writeTar(&out, entries); err != nil {
			return nil, err
		}
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil })
		if err != nil {
			return nil, err
		}
		if image, err = mutate.AppendLayers(image, l); err != nil {
			return nil, err
		}
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", "amd64", config
	return mutate.ConfigFile(image, file)
}

// layers splits a recipe into the configuration and the entries of each layer.
func (c *Case) layers(recipe string) (config v1.Config, layers [][]entry, err error) {
	for line := range strings.Lines(recipe) {
		line = strings.TrimSpace(line)
		if text, is := strings.CutPrefix(line, "config "); is {
			if err := json.Unmarshal([]byte(text), &config); err != nil {
				return config, nil, err
			}
			continue
		}
		if line == "" {
			continue
		}
		e, err := c.entry(line)
		if err != nil {
			return config, nil, fmt.Errorf("%s: %w", line, err)
		}
		if e.verb == "layer" || len(layers) == 0 {
			layers = append(layers, nil)
		}
		if e.verb != "layer" {
			layers[len(layers)-1] = append(layers[len(layers)-1], e)
		}
	}
	return config, layers, nil
}
