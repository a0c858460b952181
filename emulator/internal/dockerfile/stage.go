package dockerfile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// stage is a stage that is being built, or was.
type stage struct {
	*build
	number int
	// config is the configuration as it is so far, and id its digest, which docker calls the ID of the image.
	config v1.ConfigFile
	id     string
	layers []v1.Layer
	// fs is the file system, nil as long as nobody looks.
	fs *tree
	// parent is the stage that this one is based on, base the image; scratch has neither.
	parent *stage
	base   *foreign
	// declared are the arguments that ARG made known in here, with their defaults.
	declared map[string]*string
	// chain says all that the stage is made of so far; it is the key of the cache.
	chain string
	// commanded says that CMD was given in here: an ENTRYPOINT drops a command that was inherited.
	commanded bool
}

// foreign is an image that was pulled.
type foreign struct {
	image      v1.Image
	dependency Dependency
	fs         *tree
}

// defaultPath is the search path of an image that sets none.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// noBase is what FROM calls an image without anything in it.
const noBase = "scratch"

// stage builds a stage unless it is built.
func (b *build) stage(ctx context.Context, number int) (*stage, error) {
	if s := b.built[number]; s != nil {
		return s, nil
	}
	definition := b.stages[number]
	s := &stage{build: b, number: number, declared: map[string]*string{}}
	if !b.planned[number] {
		// Only a trigger of an image can need a stage that nothing in the Dockerfile does.
		b.steps += 1 + len(definition.Commands)
	}
	b.nextStep(definition.SourceCode)
	if err := s.from(ctx, b.bases[number]); err != nil {
		return nil, err
	}
	b.built[number] = s
	if err := s.triggers(ctx); err != nil {
		return nil, err
	}
	b.progress.image(s.id)
	for _, command := range definition.Commands {
		b.nextStep(command)
		if err := s.carryOut(ctx, command); err != nil {
			return nil, err
		}
		b.progress.image(s.id)
	}
	return s, nil
}

// from starts with what FROM names: a former stage, nothing, or an image.
func (s *stage) from(ctx context.Context, f base) error {
	if f.err != nil {
		return f.err
	}
	platform, err := s.platform(f.platform)
	if err != nil {
		return err
	}
	other, isStage := s.stageCalled(f.name, s.number)
	switch {
	case isStage:
		if s.parent, err = s.stage(ctx, other); err != nil {
			return err
		}
		s.config, s.id, s.layers = *s.parent.config.DeepCopy(), s.parent.id, slices.Clone(s.parent.layers)
		s.chain = s.parent.chain
	case f.name == noBase:
		s.config = v1.ConfigFile{Architecture: platform.Architecture, OS: platform.OS, Variant: platform.Variant, RootFS: v1.RootFS{Type: "layers"}}
	default:
		if err := s.fromImage(ctx, f.name, platform); err != nil {
			return err
		}
	}
	s.chain = digestOf(s.chain, s.id, platform.String())
	if !slices.ContainsFunc(s.config.Config.Env, func(v string) bool { return strings.HasPrefix(v, "PATH=") }) {
		s.config.Config.Env = append(s.config.Config.Env, defaultPath)
	}
	return nil
}

func (s *stage) fromImage(ctx context.Context, reference string, platform v1.Platform) error {
	var err error
	if s.base, err = s.pull(ctx, reference, platform); err != nil {
		return err
	}
	config, err := s.base.image.ConfigFile()
	if err != nil {
		return err
	}
	id, err := s.base.image.ConfigName()
	if err != nil {
		return err
	}
	s.config, s.id = *config.DeepCopy(), id.String()
	s.layers, err = s.base.image.Layers()
	return err
}

// pull gets an image, once for each platform.
func (b *build) pull(ctx context.Context, reference string, platform v1.Platform) (*foreign, error) {
	key := reference + " " + platform.String()
	if f := b.foreign[key]; f != nil {
		return f, nil
	}
	if b.Pull == nil {
		return nil, fmt.Errorf("pull of %s: images cannot be pulled here", reference)
	}
	image, err := b.Pull(ctx, reference, platform)
	if err != nil {
		return nil, err
	}
	digest, err := image.Digest()
	if err != nil {
		return nil, err
	}
	f := &foreign{image: image, dependency: dependency(reference, digest)}
	b.foreign[key] = f
	return f, nil
}

// dependency splits a reference.
func dependency(reference string, digest v1.Hash) Dependency {
	d := Dependency{Reference: reference, Digest: digest.String()}
	parsed, err := name.ParseReference(reference)
	if err != nil {
		return d
	}
	d.Registry, d.Repository = parsed.Context().RegistryStr(), parsed.Context().RepositoryStr()
	if tag, is := parsed.(name.Tag); is {
		d.Tag = tag.TagStr()
	}
	return d
}

// triggers carries out what ONBUILD left in the base. They are instructions of this stage, and leave none themselves.
func (s *stage) triggers(ctx context.Context) error {
	texts := s.config.Config.OnBuild
	s.config.Config.OnBuild = nil
	if len(texts) == 0 {
		return nil
	}
	if s.steps+len(texts) > s.Limits.Instructions {
		return limitError("instructions", int64(s.Limits.Instructions))
	}
	s.progress.triggers(len(texts))
	for _, text := range texts {
		if int64(len(text)) > s.Limits.Dockerfile {
			return limitError("bytes in a trigger", s.Limits.Dockerfile)
		}
		command, err := parseTrigger(text)
		if err != nil {
			return fmt.Errorf("onbuild trigger %q: %w", text, err)
		}
		if err := s.carryOut(ctx, command); err != nil {
			return err
		}
	}
	return nil
}

// carryOut does what an instruction says, and commits it.
func (s *stage) carryOut(ctx context.Context, command instructions.Command) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.expand(command); err != nil {
		return err
	}
	switch c := command.(type) {
	case *instructions.CopyCommand:
		return s.copyCommand(ctx, c)
	case *instructions.AddCommand:
		return s.addCommand(ctx, c)
	case *instructions.RunCommand:
		return s.runCommand(ctx, c)
	}
	if err := s.configure(command); err != nil {
		return err
	}
	key, err := s.configuredKey()
	if err != nil {
		return err
	}
	return s.once(key, "#(nop)  "+fmt.Sprint(command), func() (*layer, error) {
		container := digestOf(s.id, fmt.Sprint(command))
		s.progress.container(container)
		defer s.progress.removed(container)
		if s.fs == nil {
			return nil, nil
		}
		return s.fs.layer(s.scratch)
	})
}

// append adds what an instruction led to, and a line of history.
func (s *stage) append(made step, comment string) error {
	s.config.History = append(s.config.History, v1.History{
		Created: made.created, CreatedBy: strings.Join(s.shell(), " ") + " " + comment, EmptyLayer: made.layer == nil,
	})
	s.config.Created = made.created
	s.config.Config.Image = s.id
	if made.layer != nil {
		s.config.RootFS.DiffIDs = append(s.config.RootFS.DiffIDs, made.layer.diffID)
		s.layers = append(s.layers, made.layer)
	}
	raw, err := json.Marshal(s.config)
	if err != nil {
		return err
	}
	s.id = configDigest(raw)
	if len(raw) > maxConfig {
		return limitError("bytes in the configuration of an image", maxConfig)
	}
	return nil
}

// maxConfig is the size of an image's configuration, in bytes. It is written anew after each instruction.
const maxConfig = 8 << 20

// digestOf is a SHA-256 in hexadecimal over several texts.
func digestOf(texts ...string) string {
	sum := sha256.New()
	for _, text := range texts {
		fmt.Fprintf(sum, "%d:%s", len(text), text)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// grow counts the files of one more tree.
func (b *build) grow(t *tree) error {
	if b.nodes += t.files; b.nodes > treesOfFiles*b.Limits.Files {
		return limitError("files in all stages", int64(treesOfFiles*b.Limits.Files))
	}
	return nil
}

// treesOfFiles is how often the files that one image may have may be there in all stages together.
const treesOfFiles = 3

// tree is the file system of the stage.
func (s *stage) tree() (*tree, error) {
	if s.fs != nil {
		return s.fs, nil
	}
	var err error
	if s.parent != nil && len(s.parent.layers) == len(s.layers) {
		if s.fs, err = s.parent.tree(); err == nil {
			s.fs = s.fs.clone()
			err = s.grow(s.fs)
		}
		return s.fs, err
	}
	s.fs, err = s.treeOf(s.layers)
	return s.fs, err
}

// tree is the file system of an image.
func (f *foreign) tree(b *build) (*tree, error) {
	if f.fs != nil {
		return f.fs, nil
	}
	layers, err := f.image.Layers()
	if err != nil {
		return nil, err
	}
	f.fs, err = b.treeOf(layers)
	return f.fs, err
}

// source is the file system that --from means: a former stage by name or number, or an image.
func (s *stage) source(ctx context.Context, from string) (*tree, error) {
	if from == "" {
		if s.files == nil {
			return nil, errors.New("missing build context")
		}
		return s.files.tree, nil
	}
	if number, found := s.stageNamed(from, s.number); found {
		other, err := s.stage(ctx, number)
		if err != nil {
			return nil, err
		}
		return other.tree()
	}
	if from == noBase {
		return newTree(), nil
	}
	image, err := s.pull(ctx, from, s.Platform)
	if err != nil {
		return nil, fmt.Errorf("invalid from flag value %s: %w", from, err)
	}
	return image.tree(s.build)
}

// configDigest is the ID of an image.
func configDigest(raw []byte) string {
	sum := sha256.Sum256(raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}
