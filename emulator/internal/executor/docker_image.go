package executor

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// dockerImages are the images that an engine was given. They have the layers of those that were asked for, but nothing else of
// them: what a container does is said when it is made, and an image of the user's with the same layers is another.
type dockerImages struct {
	docker  *docker
	loading chan struct{} // held by who loads
	counter int
	total   int64
	clock   int64
	loaded  map[string]*loadedImage // by the digests of the layers
	sizes   map[v1.Hash]int64       // of layers that were read
}

// loadedImage is an image at the engine.
type loadedImage struct {
	id, tag string
	layers  int
	size    int64
	users   int
	used    int64
}

func newDockerImages(d *docker) *dockerImages {
	i := &dockerImages{docker: d, loading: make(chan struct{}, 1), loaded: map[string]*loadedImage{}, sizes: map[v1.Hash]int64{}}
	i.loading <- struct{}{}
	return i
}

// acquire makes sure that the engine has an image, until it is released.
func (i *dockerImages) acquire(ctx context.Context, image v1.Image) (*loadedImage, error) {
	select {
	case <-i.loading:
		defer func() { i.loading <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	key := fmt.Sprint(config.RootFS.DiffIDs)
	l, ok := i.loaded[key]
	if !ok {
		if l, err = i.load(ctx, image, config); err != nil {
			return nil, err
		}
		i.loaded[key] = l
		i.total += l.size
	}
	i.clock++
	l.users, l.used = l.users+1, i.clock
	return l, i.evict(ctx)
}

// release gives an image back.
func (i *dockerImages) release(l *loadedImage) {
	<-i.loading
	defer func() { i.loading <- struct{}{} }()
	l.users--
}

// evict removes images that nobody uses while there is too much, the longest unused first.
func (i *dockerImages) evict(ctx context.Context) error {
	for i.total > i.docker.options.Cache {
		oldest := ""
		for key, l := range i.loaded {
			if l.users == 0 && (oldest == "" || l.used < i.loaded[oldest].used) {
				oldest = key
			}
		}
		if oldest == "" {
			return nil
		}
		l := i.loaded[oldest]
		delete(i.loaded, oldest)
		i.total -= l.size
		if err := i.docker.drop(ctx, query("/images/"+l.tag, "force", "1")); err != nil {
			return err
		}
	}
	return nil
}

// load gives the engine an image.
func (i *dockerImages) load(ctx context.Context, image v1.Image, config *v1.ConfigFile) (*loadedImage, error) {
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	i.counter++
	l := &loadedImage{tag: fmt.Sprintf("acrlocal.invalid/%s:%d", i.docker.instance, i.counter), layers: max(1, len(layers))}
	for _, each := range layers {
		size, err := i.measure(ctx, each)
		if err != nil {
			return nil, err
		}
		l.size += size
	}
	reader, writer := io.Pipe()
	defer func() { _ = reader.Close() }()
	go func() { writer.CloseWithError(i.write(writer, l.tag, layers, i.configuration(config))) }()
	answer, err := i.docker.engine.send(ctx, http.MethodPost, query("/images/load", "quiet", "1"), reader, "application/x-tar")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if err := progress(answer.Body); err != nil {
		return nil, fmt.Errorf("the engine does not take the image: %w", err)
	}
	var known struct{ ID string }
	if err := i.docker.engine.call(ctx, http.MethodGet, "/images/"+l.tag+"/json", nil, &known); err != nil {
		return nil, err
	}
	l.id = known.ID
	return l, nil
}

// measure reads a layer, once: how many bytes it has unpacked, and whether it is the one that it should be.
func (i *dockerImages) measure(ctx context.Context, l v1.Layer) (int64, error) {
	id, err := l.DiffID()
	if err != nil {
		return 0, err
	}
	if size, ok := i.sizes[id]; ok {
		return size, nil
	}
	content, err := l.Uncompressed()
	if err != nil {
		return 0, fmt.Errorf("layer %s: %w", id, err)
	}
	defer content.Close()
	read := &checked{from: content, want: id.Hex}
	size, err := io.Copy(io.Discard, io.LimitReader(read, maxLayer+1))
	if err == nil && size > maxLayer {
		err = fmt.Errorf("it holds more than %d GiB", int64(maxLayer)>>30)
	}
	if err == nil {
		err = read.check()
	}
	if err = errors.Join(ctx.Err(), err); err != nil {
		return 0, fmt.Errorf("layer %s: %w", id, err)
	}
	i.sizes[id] = size
	return size, nil
}

// configuration is that of an image of the same layers.
func (i *dockerImages) configuration(of *v1.ConfigFile) *v1.ConfigFile {
	c := &v1.ConfigFile{
		OS: "linux", Architecture: of.Architecture, Variant: of.Variant, Created: v1.Time{Time: time.Now().UTC()},
		RootFS: v1.RootFS{Type: "layers", DiffIDs: of.RootFS.DiffIDs}, Config: v1.Config{Labels: i.docker.labels("")},
	}
	for range of.RootFS.DiffIDs {
		c.History = append(c.History, v1.History{Created: c.Created})
	}
	return c
}

// write writes an image as docker save does.
func (i *dockerImages) write(to io.Writer, tag string, layers []v1.Layer, config *v1.ConfigFile) error {
	var names []string
	w := tar.NewWriter(to)
	if len(layers) == 0 { // engines want one
		nothing := make([]byte, 1024)
		sum := sha256.Sum256(nothing)
		config.RootFS.DiffIDs = []v1.Hash{{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}}
		config.History = []v1.History{{Created: config.Created}}
		names = append(names, "empty.tar")
		if err := put(w, "empty.tar", int64(len(nothing)), bytes.NewReader(nothing)); err != nil {
			return err
		}
	}
	for n, l := range layers {
		id, err := l.DiffID()
		if err != nil {
			return err
		}
		content, err := l.Uncompressed()
		if err != nil {
			return err
		}
		name := strconv.Itoa(n) + ".tar"
		names = append(names, name)
		err = put(w, name, i.sizes[id], content)
		if err := errors.Join(err, content.Close()); err != nil {
			return err
		}
	}
	text, err := json.Marshal(config)
	if err == nil {
		err = put(w, "config.json", int64(len(text)), bytes.NewReader(text))
	}
	if err != nil {
		return err
	}
	text, err = json.Marshal([]any{map[string]any{"Config": "config.json", "RepoTags": []string{tag}, "Layers": names}})
	if err == nil {
		err = put(w, "manifest.json", int64(len(text)), bytes.NewReader(text))
	}
	return errors.Join(err, w.Close())
}

// put writes a file of an archive.
func put(w *tar.Writer, name string, size int64, content io.Reader) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size}); err != nil {
		return err
	}
	_, err := io.CopyN(w, content, size)
	return err
}

// progress reads what an engine says while it works, and returns the error that it ends with.
func progress(from io.Reader) error {
	for said := json.NewDecoder(io.LimitReader(from, maxAnswer)); ; {
		var line struct{ Error string }
		if err := said.Decode(&line); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if line.Error != "" {
			return errors.New(strings.TrimSpace(line.Error))
		}
	}
}
