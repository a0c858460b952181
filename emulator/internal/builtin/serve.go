package builtin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Handler serves the images of a host, such as mcr.microsoft.com, as a registry that everybody may read and nobody write:
// the built-in ones, and those of mirrors that are layouts. It answers in the dialect of the OCI distribution
// specification.
func (m Mirrors) Handler(host string) http.Handler { return &served{m, host} }

type served struct {
	mirrors Mirrors
	host    string
}

// refusal is an answer that is no success: a code of the distribution specification.
type refusal struct {
	status        int
	code, message string
}

// Error describes it.
func (r *refusal) Error() string { return r.code + ": " + r.message }

// ServeHTTP answers /v2/, manifests and blobs.
func (s *served) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	err := s.serve(w, r)
	if err == nil {
		return
	}
	refused, ok := errors.AsType[*refusal](err)
	if !ok {
		refused = &refusal{http.StatusInternalServerError, "UNKNOWN", err.Error()}
	}
	body, _ := json.Marshal(map[string]any{"errors": []map[string]string{{"code": refused.code, "message": refused.message}}})
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(refused.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

func (s *served) serve(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return &refusal{http.StatusMethodNotAllowed, "UNSUPPORTED", "the images of " + s.host + " can only be read here"}
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/v2/")
	if !ok || len(path) > maxReference {
		return &refusal{http.StatusNotFound, "NAME_UNKNOWN", "there is nothing but /v2/ here"}
	}
	if path == "" {
		w.Header().Set("Content-Length", "2")
		_, err := io.WriteString(w, "{}")
		return err
	}
	manifests, blobs := strings.LastIndex(path, "/manifests/"), strings.LastIndex(path, "/blobs/")
	switch {
	case manifests > blobs && manifests > 0:
		return s.manifest(w, r, path[:manifests], path[manifests+len("/manifests/"):])
	case blobs > 0:
		return s.blob(w, r, path[:blobs], path[blobs+len("/blobs/"):])
	}
	return &refusal{http.StatusNotFound, "NAME_UNKNOWN", "there are only manifests and blobs here"}
}

// manifest answers with a manifest or an index, by tag or digest.
func (s *served) manifest(w http.ResponseWriter, r *http.Request, repository, version string) error {
	separator := ":"
	if strings.Contains(version, ":") {
		separator = "@"
	}
	named, err := reference.ParseNamed(s.host + "/" + repository + separator + version)
	if err != nil {
		return &refusal{http.StatusBadRequest, "NAME_INVALID", err.Error()}
	}
	data, mediaType, err := s.mirrors.document(named)
	switch {
	case errors.Is(err, errNotThere):
		outside := &OutsideError{Reference: named.String(), Host: s.host}
		return &refusal{http.StatusNotFound, "MANIFEST_UNKNOWN", outside.Error()}
	case err != nil:
		return err
	}
	digest, _, err := v1.SHA256(strings.NewReader(string(data)))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", string(mediaType))
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.Header().Set("Docker-Content-Digest", digest.String())
	if r.Method == http.MethodGet {
		_, _ = w.Write(data)
	}
	return nil
}

// document finds a manifest or index as it is written.
func (m Mirrors) document(named reference.Named) ([]byte, types.MediaType, error) {
	data, mediaType, err := m.mirrored(named)
	if !errors.Is(err, errNotThere) || m.Images == nil {
		return data, mediaType, err
	}
	image, err := m.Images.Image(named.Name(), nil)
	if err != nil {
		return nil, "", err
	}
	if image == nil {
		return nil, "", errNotThere
	}
	if d, ok := named.(reference.Digested); ok {
		if own, err := image.Digest(); err != nil || own.String() != d.Digest().String() {
			return nil, "", errors.Join(errNotThere, err)
		}
	}
	mediaType, err = image.MediaType()
	if err != nil {
		return nil, "", err
	}
	data, err = image.RawManifest()
	return data, mediaType, err
}

// mirrored finds a document in a mirror that is a layout.
func (m Mirrors) mirrored(named reference.Named) ([]byte, types.MediaType, error) {
	mirror, rest, ok := m.find(named)
	if !ok || mirror.Layout == "" {
		return nil, "", errNotThere
	}
	l, found, err := descriptorOf(mirror.Layout, rest, named)
	if err == nil {
		data, err := blob(l, found.Digest)
		return data, found.MediaType, err
	}
	digested, isDigest := named.(reference.Digested)
	if !errors.Is(err, errNotThere) || !isDigest {
		return nil, "", err
	}
	return child(mirror.Layout, rest, digested.Digest().String())
}

// child finds a document that only an index of the layout names.
func child(dir, rest, digest string) ([]byte, types.MediaType, error) {
	hash, err := v1.NewHash(digest)
	if err != nil {
		return nil, "", errNotThere
	}
	for _, place := range [...]string{dir, filepath.Join(dir, filepath.FromSlash(rest))} {
		data, err := blob(layout.Path(place), hash)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		var document struct {
			MediaType types.MediaType `json:"mediaType"`
			Manifests json.RawMessage `json:"manifests"`
			Layers    json.RawMessage `json:"layers"`
		}
		switch err := json.Unmarshal(data, &document); {
		case err != nil, document.Manifests == nil && document.Layers == nil:
			return nil, "", errNotThere
		case document.MediaType != "":
			return data, document.MediaType, nil
		case document.Manifests != nil:
			return data, types.OCIImageIndex, nil
		}
		return data, types.OCIManifestSchema1, nil
	}
	return nil, "", errNotThere
}

// blob answers with a blob.
func (s *served) blob(w http.ResponseWriter, r *http.Request, repository, digest string) error {
	hash, err := v1.NewHash(digest)
	if err != nil {
		return &refusal{http.StatusBadRequest, "DIGEST_INVALID", err.Error()}
	}
	named, err := reference.ParseNamed(s.host + "/" + repository)
	if err != nil {
		return &refusal{http.StatusBadRequest, "NAME_INVALID", err.Error()}
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Docker-Content-Digest", hash.String())
	if mirror, rest, ok := s.mirrors.find(named); ok && mirror.Layout != "" {
		for _, dir := range [...]string{mirror.Layout, filepath.Join(mirror.Layout, filepath.FromSlash(rest))} {
			f, err := openBlob(dir, hash)
			if err == nil {
				defer f.Close()
				http.ServeContent(w, r, "", time.Time{}, f)
				return nil
			}
		}
	}
	return s.builtinBlob(w, r, named, hash)
}

// builtinBlob answers with the configuration or the layer of a built-in image.
func (s *served) builtinBlob(w http.ResponseWriter, r *http.Request, named reference.Named, hash v1.Hash) error {
	unknown := &refusal{http.StatusNotFound, "BLOB_UNKNOWN", fmt.Sprintf("%s has no blob %s", named, hash)}
	if s.mirrors.Images == nil {
		return unknown
	}
	image, err := s.mirrors.Images.Image(named.Name(), nil)
	if err != nil || image == nil {
		return errors.Join(err, unknown)
	}
	layer, err := image.LayerByDigest(hash)
	if err != nil {
		return unknown
	}
	size, err := layer.Size()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	if r.Method == http.MethodHead {
		return nil
	}
	content, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer content.Close()
	if _, err := io.Copy(w, content); err != nil {
		panic(http.ErrAbortHandler) // the answer has begun: only cutting it short says that it is wrong
	}
	return nil
}
