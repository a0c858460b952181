package emulator

import (
	"path/filepath"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// imageMembers are what an entry of images has.
var imageMembers = parseShape("registry reference path")

// images reads the images that registries begin with. A path is relative to the folder of the seed.
func (r *seedReader) images(p position) error {
	items, err := p.items()
	if err != nil {
		return err
	}
	for _, item := range items {
		body, err := item.fitting(imageMembers, "an image")
		if err != nil {
			return err
		}
		image, err := r.image(item, body)
		if err != nil {
			return err
		}
		if err := r.addImage(image); err != nil {
			return err
		}
	}
	return nil
}

func (r *seedReader) image(p position, body map[string]any) (seedImage, error) {
	registry, _ := body["registry"].(string)
	reference, _ := body["reference"].(string)
	path, isText := body["path"].(string)
	repository, tag, _ := strings.Cut(reference, ":")
	if registry == "" || repository == "" || tag == "" || strings.ContainsAny(tag, ":/@") || strings.Contains(repository, "@") || body["path"] != nil && !isText {
		return seedImage{}, p.errorf("an image has a registry, a reference such as hello:v1, and perhaps a path")
	}
	if path != "" && !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(r.file), path)
	}
	return seedImage{registry: registry, repository: repository, tag: tag, path: path, at: p}, nil
}

// addImage adds an image, or replaces that of the same name from an earlier file.
func (r *seedReader) addImage(image seedImage) error {
	r.named = append(r.named, namedRegistry{image.registry, image.at})
	name := azure.Fold(image.registry) + "/" + image.repository + ":" + image.tag
	at, again := r.imageAt[name]
	switch {
	case !again:
		r.imageAt[name] = len(r.seed.images)
		r.seed.images = append(r.seed.images, image)
	case r.here[name] != 0:
		return image.at.errorf("%s is in this file already, at line %d", name, r.here[name])
	default:
		r.seed.images[at] = image
	}
	r.here[name] = image.at.node.line
	return nil
}

// fitting reads a mapping that has no members but those of a shape; what says what it is.
func (p position) fitting(s *shape, what string) (map[string]any, error) {
	value, err := p.value()
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, p.errorf("expected %s: a mapping with %s", what, strings.Join(s.known(), ", "))
	}
	fitted, wrong := s.object(object, "")
	if wrong != nil {
		return nil, p.errorAt(p.node.lineOf(wrong.name), "%s has no place in %s: %s", wrong.name, what, wrong.hint())
	}
	return fitted, nil
}
