package dockerfile

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/patternmatcher"
)

// copying is a COPY or an ADD.
type copying struct {
	*stage
	// name is COPY or ADD.
	name string
	// from is what is copied from; local says that it is the context.
	from  *tree
	local bool
	// to is the file system of the stage, and dest the path in there. A slash at its end makes it a directory.
	to   *tree
	dest string
	// owner is whom new files belong to, nil to keep the owner that they have. The others are what new directories above a
	// file and above a directory are like.
	owner               *owner
	aboveFile, aboveDir *inode
	// mode is that of --chmod, nil to keep those that are.
	mode *int64
	// exclude are the patterns of --exclude; pivot says that --parents was given.
	exclude *patternmatcher.PatternMatcher
	pivot   bool
	// unpack extracts archives.
	unpack bool
	// link makes the layer without a look at what is below.
	link bool
	// copies are what the inodes of a directory have become, so that hard links stay links.
	copies map[*inode]*inode
}

// item is a file or a directory that is copied.
type item struct {
	*node
	// path is where it was found, as written; its last element is the name that a file gets in a directory.
	path string
	// above is what --parents keeps of the path.
	above string
	// archive says that it may be extracted.
	archive bool
}

func (s *stage) copyCommand(ctx context.Context, c *instructions.CopyCommand) error {
	from, err := s.source(ctx, c.From)
	if err != nil && (c.From != "" || len(c.SourcePaths) > 0) {
		return fmt.Errorf("COPY failed: %w", err)
	}
	y := &copying{stage: s, name: "COPY", from: from, local: c.From == "", pivot: c.Parents}
	if err := y.prepare(c.SourcesAndDest, flags{c.Chown, c.Chmod, c.ExcludePatterns, c.Link}); err != nil {
		return err
	}
	if c.From != "" && c.Chown == "" {
		y.owner = nil
	}
	items, err := y.items(c.SourcesAndDest)
	if err != nil {
		return fmt.Errorf("COPY failed: %w", err)
	}
	return y.carryOut(items, fmt.Sprint(c))
}

// flags are those that COPY and ADD have in common.
type flags struct {
	chown, chmod string
	exclude      []string
	link         bool
}

// prepare finds the destination, and what the flags mean.
func (y *copying) prepare(paths instructions.SourcesAndDest, f flags) error {
	var err error
	if y.to, err = y.tree(); err != nil {
		return err
	}
	y.dest = paths.DestPath
	if !path.IsAbs(y.dest) {
		y.dest = path.Join("/", y.config.Config.WorkingDir, y.dest)
		if strings.HasSuffix(paths.DestPath, "/") || paths.DestPath == "." {
			y.dest += "/"
		}
	}
	y.owner, y.copies = &owner{}, map[*inode]*inode{}
	if f.chown != "" {
		if *y.owner, err = ownerNamed(y.to, f.chown); err != nil {
			return err
		}
	}
	if f.chmod != "" {
		mode, err := strconv.ParseInt(f.chmod, 8, 32)
		if err != nil || mode < 0 || mode > 0o7777 {
			return fmt.Errorf("%s failed: invalid chmod parameter: '%s'. it should be octal string and between 0 and 07777", y.name, f.chmod)
		}
		y.mode = &mode
	}
	y.setAbove()
	if len(f.exclude) > 0 {
		y.exclude, err = patternmatcher.New(f.exclude)
	}
	if y.link = f.link; y.link {
		y.to = newTree()
	}
	return err
}

// setAbove says what directories above a file are like, and those above a directory: BuildKit's --chmod is for both, but
// --chown of the classic builder for the first.
func (y *copying) setAbove() {
	y.aboveDir = directory()
	if y.mode != nil {
		y.aboveDir.mode = *y.mode
	}
	above := *y.aboveDir
	above.uid, above.gid = y.owner.uid, y.owner.gid
	y.aboveFile = &above
}

// items finds what is copied.
func (y *copying) items(paths instructions.SourcesAndDest) ([]item, error) {
	var all []item
	for _, source := range paths.SourcePaths {
		found, err := y.find(source)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	for _, content := range paths.SourceContents {
		all = append(all, y.heredoc(content))
	}
	return all, nil
}

// heredoc is a file whose content stands in the Dockerfile.
func (y *copying) heredoc(content instructions.SourceContent) item {
	data := []byte(content.Data)
	return item{path: content.Path, node: &node{inode: &inode{
		kind: tar.TypeReg, mode: 0o644, size: int64(len(data)), modified: y.Now(),
		open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}}}
}

// find looks up one source: a path, or a pattern of paths.
func (y *copying) find(source string) ([]item, error) {
	above, source := y.cutPivot(source)
	if y.local && strings.HasPrefix(path.Clean(strings.TrimLeft(source, "/")), "..") {
		return nil, fmt.Errorf("forbidden path outside the build context: %s ()", source)
	}
	if strings.ContainsAny(source, "*?[") {
		return y.match(source, above)
	}
	n, err := y.from.stat(source)
	if errors.Is(err, fs.ErrNotExist) && y.local {
		return nil, fmt.Errorf("file not found in build context or excluded by .dockerignore: %w", err)
	}
	if err != nil {
		return nil, err
	}
	return []item{{node: n, path: source, above: y.above(source, above), archive: true}}, nil
}

// match finds the paths that a pattern means; a link that matches stands for what it leads to.
func (y *copying) match(pattern, above string) ([]item, error) {
	var all []item
	pattern = clean(pattern)
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, err
	}
	err := y.from.root.walk(func(rel string, _ *node) error {
		if matched, _ := path.Match(pattern, rel); !matched || rel == "." {
			return nil
		}
		n, err := y.from.stat(rel)
		all = append(all, item{node: n, path: rel, above: y.above(rel, above), archive: true})
		return err
	})
	return all, err
}

// cutPivot takes /./ out of a source of --parents: what stands before it is not kept.
func (y *copying) cutPivot(source string) (before, whole string) {
	before, after, found := strings.Cut(source, "/./")
	if !y.pivot || !found {
		return "", source
	}
	return clean(before), path.Join(before, after)
}

// above is the part of a path that --parents makes again below the destination.
func (y *copying) above(source, before string) string {
	if !y.pivot {
		return ""
	}
	return strings.TrimPrefix(strings.TrimPrefix(path.Dir(clean(source)), before), "/")
}

// carryOut copies the items and commits.
func (y *copying) carryOut(items []item, comment string) error {
	switch {
	case len(items) == 0:
		return fmt.Errorf("%s failed: no source files were specified", y.name)
	case len(items) > 1 && !strings.HasSuffix(y.dest, "/") && !y.pivot:
		return fmt.Errorf("When using %s with more than one source file, the destination must be a directory and end with a /", y.name) //nolint:staticcheck // docker's words
	}
	key, err := y.key(items)
	if err != nil {
		return err
	}
	return y.once(key, "#(nop) "+comment, func() (*layer, error) { return y.all(items) })
}

// all copies the items, and returns what that changed.
func (y *copying) all(items []item) (*layer, error) {
	for _, i := range items {
		clear(y.copies)
		if err := y.one(i); err != nil {
			return nil, fmt.Errorf("failed to copy files: %w", err)
		}
	}
	l, err := y.to.layer(y.scratch)
	if err == nil && y.link {
		err = y.overlay(l)
	}
	return l, err
}

// one copies an item.
func (y *copying) one(i item) error {
	dest := y.dest
	if y.pivot {
		dest = path.Join(dest, i.above) + "/"
	}
	if i.isDir() {
		if y.pivot {
			dest = path.Join(dest, path.Base(i.path))
		}
		return y.directory(i, dest)
	}
	if y.unpack && i.archive && i.kind == tar.TypeReg && isArchive(i.open) {
		return y.extract(i, dest)
	}
	return y.single(i, dest)
}

// directory copies what is in a directory, but for what --exclude names in there. The destination is made, with mode 755, if it is not there.
func (y *copying) directory(i item, dest string) error {
	existed := y.to.isDir(dest)
	base, err := y.to.mkdirs(dest, y.aboveDir)
	if err != nil {
		return fmt.Errorf("failed to copy directory: %w", err)
	}
	if !existed {
		if err := y.put(base, y.to.at(base).inode); err != nil {
			return err
		}
	}
	return i.walk(func(rel string, n *node) error {
		if rel == "." || y.excluded(rel) {
			return nil
		}
		if y.exclude != nil {
			// An exception may bring back something in a directory that is left out.
			if _, err := y.to.mkdirs(path.Join(base, path.Dir(rel)), y.aboveDir); err != nil {
				return err
			}
		}
		return y.put(path.Join(base, rel), n.inode)
	})
}

func (y *copying) excluded(rel string) bool {
	if y.exclude == nil {
		return false
	}
	matches, err := y.exclude.MatchesOrParentMatches(rel)
	return err == nil && matches
}

// single copies a file, into the destination if that is a directory.
func (y *copying) single(i item, dest string) error {
	if strings.HasSuffix(dest, "/") || y.to.isDir(dest) {
		dir, err := y.to.mkdirs(dest, y.aboveFile)
		if err != nil {
			return err
		}
		return y.put(path.Join(dir, path.Base(i.path)), i.inode)
	}
	resolved, err := y.to.resolve(dest, true)
	if err != nil {
		return err
	}
	if _, err := y.to.mkdirs(path.Dir("/"+resolved), y.aboveFile); err != nil {
		return err
	}
	return y.put(resolved, i.inode)
}

// put writes a copy of an inode with the owner and the mode that were asked for.
func (y *copying) put(resolved string, in *inode) error {
	if y.copies[in] == nil {
		y.copies[in] = y.changed(in)
	}
	_, err := y.to.put(resolved, y.copies[in])
	return err
}

func (y *copying) changed(in *inode) *inode {
	changed := *in
	if y.owner != nil {
		changed.uid, changed.gid = y.owner.uid, y.owner.gid
		changed.mode = afterChown(in)
	}
	if y.mode != nil && in.kind != tar.TypeSymlink {
		changed.mode = *y.mode
	}
	return &changed
}

// afterChown is the mode that Linux leaves to what is given to somebody: a file is no longer set-user-ID, and set-group-ID only
// where that does not mean execution. Docker gives every file of a context to somebody.
func afterChown(in *inode) int64 {
	const setUser, setGroup, groupExecutes = 0o4000, 0o2000, 0o10
	mode := in.mode
	if in.kind == tar.TypeReg {
		mode &^= setUser
		if mode&groupExecutes != 0 {
			mode &^= setGroup
		}
	}
	return mode
}

// isDir reports whether a path leads to a directory.
func (t *tree) isDir(name string) bool {
	n, err := t.stat(name)
	return err == nil && n.isDir()
}
