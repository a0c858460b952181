package imagecase

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// dropped are the members of a configuration that say when, by whom and in which container an image was made, and
// "rootfs", whose digests cover the times of files. They may differ between builders; everything else must not.
var dropped = []string{"created", "history", "container", "container_config", "docker_version", "rootfs", "moby.buildkit.buildinfo.v1"}

// Describe says what an image is: its configuration, and what is in its layers, but for times and compression. Layers of the
// images that the case has are only named.
func (c *Case) Describe(image v1.Image) (string, error) {
	var out strings.Builder
	raw, err := image.RawConfigFile()
	if err != nil {
		return "", err
	}
	if err := describeConfig(&out, raw); err != nil {
		return "", err
	}
	known, err := c.known()
	if err != nil {
		return "", err
	}
	layers, err := image.Layers()
	if err != nil {
		return "", err
	}
	for _, l := range layers {
		id, err := l.DiffID()
		if err != nil {
			return "", err
		}
		if name, is := known[id]; is {
			fmt.Fprintln(&out, name)
			continue
		}
		if err := describeLayer(&out, l); err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

// known names the layers of the case's images.
func (c *Case) known() (map[v1.Hash]string, error) {
	all := map[v1.Hash]string{}
	for name, image := range c.Images {
		file, err := image.ConfigFile()
		if err != nil {
			return nil, err
		}
		for i, id := range file.RootFS.DiffIDs {
			all[id] = fmt.Sprintf("layer %d of %s", i, name)
		}
	}
	return all, nil
}

// describeConfig writes the members of a configuration, one a line. Members without a value say the same as none, and are
// left out.
func describeConfig(out io.Writer, raw []byte) error {
	var file map[string]any
	if err := json.Unmarshal(raw, &file); err != nil {
		return err
	}
	for _, name := range dropped {
		delete(file, name)
	}
	config, _ := file["config"].(map[string]any)
	// The ID of the image before the last instruction: a digest over its time.
	delete(config, "Image")
	delete(file, "config")
	// BuildKit writes the default down.
	if config["WorkingDir"] == "/" {
		delete(config, "WorkingDir")
	}
	for _, members := range []map[string]any{file, config} {
		names := make([]string, 0, len(members))
		for name := range members {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			text, err := encode(members[name])
			if err != nil {
				return err
			}
			if !slices.Contains([]string{`""`, "null", "false", "[]", "{}", "0"}, text) {
				fmt.Fprintf(out, "%s: %s\n", name, text)
			}
		}
	}
	return nil
}

func encode(value any) (string, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return strings.TrimSpace(out.String()), err
}

// describeLayer writes the entries of a layer, in the order of their names.
func describeLayer(out io.Writer, l v1.Layer) error {
	stream, err := l.Uncompressed()
	if err != nil {
		return err
	}
	defer stream.Close() //nolint:errcheck // it is only read
	archive := tar.NewReader(stream)
	var lines []string
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		line, err := describeEntry(h, archive)
		if err != nil {
			return err
		}
		lines = append(lines, line)
	}
	// BuildKit keeps layers in which nothing is.
	if len(lines) > 0 {
		fmt.Fprintln(out, "layer:")
	}
	slices.Sort(lines)
	for _, line := range lines {
		fmt.Fprintf(out, "  %s\n", line)
	}
	return nil
}

// describeEntry is the name of an entry, its mode, owner and what it is.
func describeEntry(h *tar.Header, content io.Reader) (string, error) {
	line := fmt.Sprintf("%s %04o %d:%d", strings.TrimSuffix(h.Name, "/"), h.Mode&0o7777, h.Uid, h.Gid)
	switch h.Typeflag {
	case tar.TypeReg:
		sum := sha256.New()
		if _, err := io.Copy(sum, content); err != nil {
			return "", err
		}
		line += fmt.Sprintf(" file %d %s", h.Size, hex.EncodeToString(sum.Sum(nil))[:16])
	case tar.TypeDir:
		line += " dir"
	case tar.TypeSymlink:
		line += " -> " + h.Linkname
	case tar.TypeLink:
		line += " = " + h.Linkname
	case tar.TypeChar, tar.TypeBlock:
		line += fmt.Sprintf(" device %c %d:%d", h.Typeflag, h.Devmajor, h.Devminor)
	default:
		line += fmt.Sprintf(" type %c", h.Typeflag)
	}
	for _, key := range slices.Sorted(func(yield func(string) bool) {
		for key := range h.PAXRecords {
			if strings.HasPrefix(key, "SCHILY.xattr.") && !yield(key) {
				return
			}
		}
	}) {
		line += fmt.Sprintf(" %s=%x", strings.TrimPrefix(key, "SCHILY.xattr."), h.PAXRecords[key])
	}
	return line, nil
}
