package dockerfile

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/acrlocal/acrlocal/emulator/internal/compression"
)

func (s *stage) addCommand(ctx context.Context, c *instructions.AddCommand) error {
	y := &copying{stage: s, name: "ADD", local: true, unpack: c.Unpack == nil || *c.Unpack}
	if err := y.prepare(c.SourcesAndDest, flags{c.Chown, c.Chmod, c.ExcludePatterns, c.Link}); err != nil {
		return err
	}
	items, err := y.additions(ctx, c)
	if err != nil {
		return fmt.Errorf("ADD failed: %w", err)
	}
	return y.carryOut(items, fmt.Sprint(c))
}

// additions finds what ADD names: URLs, repositories, and what COPY finds too.
func (y *copying) additions(ctx context.Context, c *instructions.AddCommand) ([]item, error) {
	var all []item
	local := instructions.SourcesAndDest{SourceContents: c.SourceContents}
	for _, source := range c.SourcePaths {
		var found []item
		var err error
		switch {
		case isRepository(source):
			found, err = y.clone(ctx, source, c.KeepGitDir != nil && *c.KeepGitDir)
		case isURL(source):
			found, err = y.download(ctx, source, c)
		default:
			local.SourcePaths = append(local.SourcePaths, source)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if c.Checksum != "" && len(local.SourcePaths) > 0 {
		return nil, errors.New("checksum can't be specified for local sources")
	}
	var err error
	if len(local.SourcePaths) > 0 {
		if y.from, err = y.source(ctx, ""); err != nil {
			return nil, err
		}
	}
	found, err := y.items(local)
	return append(all, found...), err
}

func isURL(source string) bool {
	return strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://")
}

// isRepository reports whether a source of ADD is a Git repository: git@host:path, git://…, or a URL whose path ends in .git.
func isRepository(source string) bool {
	if strings.HasPrefix(source, "git@") || strings.HasPrefix(source, "git://") {
		return true
	}
	u, err := url.Parse(source)
	return err == nil && isURL(source) && strings.HasSuffix(u.Path, ".git")
}

// clone adds the files of a repository.
func (y *copying) clone(ctx context.Context, repository string, keep bool) ([]item, error) {
	if y.Clone == nil {
		return nil, fmt.Errorf("%s: Git repositories cannot be reached from this build", repository)
	}
	dir, err := os.MkdirTemp(y.scratch.dir, "git-*")
	if err != nil {
		return nil, err
	}
	if err := y.Clone(ctx, repository, dir); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	y.clones = append(y.clones, root)
	var patterns []string
	if !keep {
		patterns = []string{".git"}
	}
	files, err := scanContext(y.scratch.done, root, patterns, y.Limits)
	if err != nil {
		return nil, err
	}
	return []item{{node: files.tree.root, path: "."}}, nil
}

// download adds what a URL has, with mode 600.
func (y *copying) download(ctx context.Context, source string, c *instructions.AddCommand) ([]item, error) {
	if y.Fetch == nil {
		return nil, fmt.Errorf("%s: URLs cannot be reached from this build", source)
	}
	file, err := y.Fetch(ctx, source)
	if err != nil {
		return nil, err
	}
	defer file.Body.Close() //nolint:errcheck // it is only read
	name, err := downloadName(source, file.Name, y.dest)
	if err != nil {
		return nil, err
	}
	sum, err := newChecksum(c.Checksum)
	if err != nil {
		return nil, err
	}
	s, err := y.scratch.spill()
	if err != nil {
		return nil, err
	}
	open, err := s.add(io.TeeReader(io.LimitReader(file.Body, y.Limits.Bytes+1), sum))
	if err = errors.Join(err, s.Close()); err != nil {
		return nil, err
	}
	if s.size > y.Limits.Bytes {
		return nil, limitError("bytes in a download", y.Limits.Bytes)
	}
	if err := sum.check(source); err != nil {
		return nil, err
	}
	in := &inode{kind: tar.TypeReg, mode: 0o600, size: s.size, modified: file.Modified, open: open}
	return []item{{node: &node{inode: in}, path: name, archive: c.Unpack != nil && *c.Unpack}}, nil
}

// downloadName is what a downloaded file is called in a directory.
func downloadName(source, given, dest string) (string, error) {
	u, err := url.Parse(source)
	if err != nil {
		return "", err
	}
	name := path.Base(path.Clean("/" + u.Path))
	if strings.HasSuffix(u.Path, "/") || name == "/" {
		name = path.Base(path.Clean("/" + given))
	}
	if name == "/" && strings.HasSuffix(dest, "/") {
		return "", fmt.Errorf("cannot determine filename for source %s", source)
	}
	return name, nil
}

// checksum is a digest that a download must have; without one, anything will do.
type checksum struct {
	hash.Hash
	want string
}

// digests are the algorithms of --checksum.
func digests() map[string]func() hash.Hash {
	return map[string]func() hash.Hash{"sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}
}

func newChecksum(want string) (*checksum, error) {
	if want == "" {
		return &checksum{Hash: sha256.New()}, nil
	}
	algorithm, _, _ := strings.Cut(want, ":")
	create, known := digests()[algorithm]
	if !known {
		return nil, fmt.Errorf("checksum %s: the algorithm is none of %v", want, maps.Keys(digests()))
	}
	return &checksum{Hash: create(), want: want}, nil
}

func (c *checksum) check(source string) error {
	algorithm, _, _ := strings.Cut(c.want, ":")
	if got := algorithm + ":" + hex.EncodeToString(c.Sum(nil)); c.want != "" && got != c.want {
		return fmt.Errorf("digest mismatch %s: %s, want %s", source, got, c.want)
	}
	return nil
}

// extract unpacks an archive at the destination. Links in there lead nowhere but below it.
func (y *copying) extract(i item, dest string) error {
	content, err := i.open()
	if err != nil {
		return err
	}
	defer content.Close() //nolint:errcheck // it is only read
	plain, err := compression.Open(content)
	if err != nil {
		return err
	}
	defer plain.Close() //nolint:errcheck // it is only read
	base, err := y.to.mkdirs(dest, directory())
	if err != nil {
		return err
	}
	s, err := y.scratch.spill()
	if err != nil {
		return err
	}
	below := treeAt(y.to.at(base))
	u := unpacking{tree: below, limits: y.Limits, done: y.scratch.done, own: map[string]bool{}, content: func(_ *tar.Header, r io.Reader) (opener, error) { return s.add(r) }}
	err = errors.Join(u.all(plain), s.Close())
	for name := range below.changed {
		whole := clean(path.Join(base, name))
		y.to.opaque[whole] = below.opaque[name] && !y.to.changed[whole]
		y.to.changed[whole] = true
	}
	y.to.files, y.to.described = y.to.files+below.files, y.to.described+below.described
	return err
}

// isArchive reports whether a file is a tar archive, perhaps compressed.
func isArchive(open opener) bool {
	content, err := open()
	if err != nil {
		return false
	}
	defer content.Close() //nolint:errcheck // it is only read
	plain, err := compression.Open(content)
	if err != nil {
		return false
	}
	defer plain.Close() //nolint:errcheck // it is only read
	_, err = tar.NewReader(plain).Next()
	return err == nil
}
