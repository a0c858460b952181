// Package imagecase reads the cases of Dockerfiles: what is built, from which files and images, and what the image must be.
//
// A case is a txtar file. Its comment says what it is about, and has a line "judge: NAME", where NAME is who says what the
// image must be: docker is the classic builder of Docker 20.10, and buildkitd is BuildKit 0.30, for what only that knows. The
// files:
//
//	options          lines of: target NAME, arg NAME=VALUE, label NAME=VALUE, platform OS/ARCH, file PATH, secret ID=TEXT,
//	                 quiet REASON (what is said on the way is not compared)
//	context/PATH     a file of the context, with mode 644
//	context          more of the context, a [recipe]
//	archive/NAME     an archive for a recipe, a recipe itself
//	image/NAME       an image that FROM and COPY --from find, a recipe
//	want             the image, as [Describe] says it
//	error            what the build says instead
//	says             what the classic builder says on the way, with ID for every ID
package imagecase

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/rogpeppe/go-internal/txtar"
)

// Case is one case.
type Case struct {
	// Name is that of the file, without its ending.
	Name string
	// Judge is docker or buildkitd.
	Judge string
	// Quiet is why what is said on the way is not compared, if it is not.
	Quiet string
	// Target, Dockerfile and Platform are options of the build; empty ones are not given.
	Target, Dockerfile, Platform string
	// Args, Labels and Secrets are options of the build.
	Args, Labels, Secrets map[string]string
	// Images are what FROM and COPY --from find, by name.
	Images map[string]v1.Image
	// Runs says that the Dockerfile has a RUN.
	Runs bool
	// Want is the description of the image, Error what the build says instead.
	Want, Error string
	// Says is what the classic builder says on the way; BuildKit has other words.
	Says string

	path    string
	archive *txtar.Archive
}

// Load reads the cases of a directory.
func Load(dir string) ([]*Case, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil {
		return nil, err
	}
	all := make([]*Case, len(files))
	for i, file := range files {
		if all[i], err = read(file); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return all, nil
}

var runLine = regexp.MustCompile(`(?m)^RUN `)

var judgeLine = regexp.MustCompile(`(?m)^judge: (docker|buildkitd)\b`)

func read(file string) (*Case, error) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		return nil, err
	}
	judge := judgeLine.FindSubmatch(archive.Comment)
	if judge == nil {
		return nil, fmt.Errorf("it names no judge")
	}
	c := &Case{
		Name: strings.TrimSuffix(filepath.Base(file), ".txtar"), Judge: string(judge[1]), path: file, archive: archive,
		Args: map[string]string{}, Labels: map[string]string{}, Secrets: map[string]string{}, Images: map[string]v1.Image{},
		Runs: runLine.MatchString(section(archive, "context/Dockerfile")), Want: section(archive, "want"), Error: strings.TrimSpace(section(archive, "error")), Says: section(archive, "says"),
	}
	if err := c.options(section(archive, "options")); err != nil {
		return nil, err
	}
	for _, f := range archive.Files {
		name, is := strings.CutPrefix(f.Name, "image/")
		if !is {
			continue
		}
		if c.Images[name], err = c.image(string(f.Data)); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return c, nil
}

// section is a file of the archive, empty if there is none.
func section(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func (c *Case) options(text string) error {
	single := map[string]*string{"target": &c.Target, "file": &c.Dockerfile, "platform": &c.Platform, "quiet": &c.Quiet}
	several := map[string]map[string]string{"arg": c.Args, "label": c.Labels, "secret": c.Secrets}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case name == "":
		case single[name] != nil:
			*single[name] = value
		case several[name] != nil:
			key, value, _ := strings.Cut(value, "=")
			several[name][key] = value
		default:
			return fmt.Errorf("unknown option %s", name)
		}
	}
	return nil
}

// Context writes the files of the context to a directory, which is empty.
func (c *Case) Context(dir string) error {
	var entries []entry
	for _, f := range c.archive.Files {
		if name, is := strings.CutPrefix(f.Name, "context/"); is {
			entries = append(entries, entry{verb: "file", path: name, mode: 0o644, content: f.Data})
		}
	}
	more, err := c.entries(section(c.archive, "context"))
	if err != nil {
		return err
	}
	for _, e := range append(entries, more...) {
		if err := e.create(dir); err != nil {
			return fmt.Errorf("%s %s: %w", e.verb, e.path, err)
		}
	}
	return nil
}
