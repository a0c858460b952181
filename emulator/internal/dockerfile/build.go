package dockerfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"runtime"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// build is one build.
type build struct {
	Options
	*file
	progress progress
	scratch  *scratch
	files    *scan
	// global are the values of the arguments before the first FROM, and of those that tell platforms.
	global map[string]string
	// built are the stages, by number; foreign the images that were pulled, by reference and platform.
	built   map[int]*stage
	foreign map[string]*foreign
	// clones are the repositories that ADD reads, to be closed.
	clones []*os.Root
	// expanded is what the words came to, in bytes, and nodes how many files all trees have together.
	expanded int
	nodes    int
	// unread are the arguments that were given and are not asked for yet.
	unread map[string]bool
	// bases are what the stages are based on, by number; planned are those that the target is known to need.
	bases   []base
	planned map[int]bool
	step    int
	steps   int
}

// nextStep says what is done next.
func (b *build) nextStep(instruction any) {
	b.step++
	b.progress.step(b.step, b.steps, fmt.Sprint(instruction))
}

// Build builds an image. The error is for people, in docker's words where docker has any.
func Build(ctx context.Context, o Options) (Result, error) {
	o = o.withDefaults()
	dir, err := os.MkdirTemp(o.Scratch, "build-*")
	if err != nil {
		return Result{}, err
	}
	b := &build{
		Options: o, progress: progress{o.Progress}, scratch: &scratch{dir: dir, limit: o.Limits.Bytes, done: ctx.Err},
		built: map[int]*stage{}, foreign: map[string]*foreign{}, unread: map[string]bool{}, planned: map[int]bool{},
	}
	result, err := b.run(ctx)
	for _, root := range b.clones {
		err = errors.Join(err, root.Close())
	}
	if err != nil {
		return Result{}, errors.Join(err, os.RemoveAll(dir))
	}
	result.Close = func() error { return os.RemoveAll(dir) }
	return result, nil
}

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	setDefault(&o.Dockerfile, "Dockerfile")
	o.Dockerfile = path.Clean(o.Dockerfile)
	setDefault(&o.Platform.OS, "linux")
	setDefault(&o.Platform.Architecture, runtime.GOARCH)
	setDefault(&o.Limits.Dockerfile, 1<<20)
	setDefault(&o.Limits.Instructions, 2000)
	setDefault(&o.Limits.Files, 500_000)
	setDefault(&o.Limits.Bytes, 16<<30)
	setDefault(&o.Limits.Word, 1<<20)
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// run reads the Dockerfile, builds the stages that the target needs, and returns the target.
func (b *build) run(ctx context.Context) (Result, error) {
	if err := b.read(); err != nil {
		return Result{}, err
	}
	target, err := b.target(b.Target)
	if err != nil {
		return Result{}, err
	}
	b.addLabels(target)
	if err := b.setGlobal(); err != nil {
		return Result{}, err
	}
	b.expandFroms()
	needed := b.needed(target)
	b.steps = len(b.arguments)
	for i := range needed {
		b.planned[i] = true
		b.steps += 1 + len(b.stages[i].Commands)
	}
	for _, argument := range b.arguments {
		b.nextStep(argument)
	}
	for _, i := range slices.Sorted(maps.Keys(needed)) {
		if _, err := b.stage(ctx, i); err != nil {
			return Result{}, err
		}
	}
	return b.result(b.built[target])
}

// read reads the Dockerfile, and the names of the files in the context.
func (b *build) read() error {
	source := b.Source
	var patterns []string
	if b.Context != nil {
		var err error
		if source == nil {
			source, err = readBounded(b.Context, b.Dockerfile, b.Limits.Dockerfile)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("failed to read dockerfile: open %s: no such file or directory", b.Dockerfile)
		}
		if err != nil {
			return fmt.Errorf("failed to read dockerfile: %w", err)
		}
		if patterns, err = ignored(b.Context, b.Dockerfile); err != nil {
			return err
		}
		if b.files, err = scanContext(b.scratch.done, b.Context, patterns, b.Limits, b.Dockerfile, ".dockerignore"); err != nil {
			return fmt.Errorf("error checking context: %w", err)
		}
		b.progress.context(b.files.size)
	}
	var err error
	b.file, err = parse(source, b.Limits)
	return err
}

// addLabels makes the labels of the options the last instruction of a stage, as docker does.
func (b *build) addLabels(target int) {
	for _, name := range slices.Sorted(maps.Keys(b.Labels)) {
		b.stages[target].AddCommand(instructions.NewLabelCommand(name, b.Labels[name], true))
	}
}

// result reports what was built.
func (b *build) result(s *stage) (Result, error) {
	image, err := s.image()
	if err != nil {
		return Result{}, err
	}
	result := Result{Image: image}
	runtime := b.runtime(s)
	for _, key := range slices.Sorted(maps.Keys(b.foreign)) {
		dependency := b.foreign[key].dependency
		if b.foreign[key] == runtime {
			result.Runtime = &dependency
		} else {
			result.Buildtime = append(result.Buildtime, dependency)
		}
	}
	b.progress.done(s.id, b.Tags, slices.Sorted(maps.Keys(b.unread)))
	return result, nil
}

// runtime is the image at the bottom of a stage, nil for scratch.
func (b *build) runtime(s *stage) *foreign {
	for s.parent != nil {
		s = s.parent
	}
	return s.base
}

// platform is what an image is for unless FROM says otherwise.
func (b *build) platform(text string) (v1.Platform, error) {
	if text == "" {
		return b.Platform, nil
	}
	p, err := v1.ParsePlatform(text)
	if err != nil {
		return v1.Platform{}, fmt.Errorf("failed to parse platform %s: %w", text, err)
	}
	return *p, nil
}

// needed says which stages the target needs.
func (b *build) needed(target int) map[int]bool {
	all := map[int]bool{}
	for waiting := []int{target}; len(waiting) > 0; {
		i := waiting[0]
		waiting = waiting[1:]
		if all[i] {
			continue
		}
		all[i] = true
		if other, found := b.stageCalled(b.bases[i].name, i); found {
			waiting = append(waiting, other)
		}
		for _, name := range sources(b.stages[i]) {
			if other, found := b.stageNamed(name, i); found {
				waiting = append(waiting, other)
			}
		}
	}
	return all
}
