package dockerfile

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// maxLinks is how many symbolic links are followed in one path, as in Linux.
const maxLinks = 40

// inode is what a name stands for. It is never changed, only replaced; names that share one are hard links.
type inode struct {
	// kind is a type flag of package tar: TypeReg, TypeDir, TypeSymlink, TypeChar, TypeBlock or TypeFifo.
	kind byte
	// mode are the nine bits of access, and set-user-ID, set-group-ID and sticky, as in a tar header.
	mode     int64
	uid, gid int
	size     int64
	modified time.Time
	// target is where a symbolic link leads.
	target       string
	major, minor int64
	xattrs       map[string]string
	// open reads a regular file.
	open func() (io.ReadCloser, error)
}

// node is a name in a tree.
type node struct {
	*inode
	children map[string]*node
}

func (n *node) isDir() bool { return n.kind == tar.TypeDir }

// names are the children's, in order.
func (n *node) names() []string { return slices.Sorted(maps.Keys(n.children)) }

// directory is a directory of root's, which others may read.
func directory() *inode { return &inode{kind: tar.TypeDir, mode: 0o755} }

// tree is a file system in memory. Paths are slash-separated and start at the root, with or without a slash; symbolic links
// lead nowhere but into the tree, as in a chroot.
type tree struct {
	root *node
	// changed are the paths that were put since the last layer.
	changed map[string]bool
	// opaque are the directories among them that have taken the place of something else.
	opaque map[string]bool
	files  int
	// described is how many bytes the names and attributes had of what was unpacked: they are kept in memory.
	described int64
}

// The bounds of a tree, as of a path on Linux: bytes, and directories within each other; and of all that archives say of
// files, in bytes.
const (
	maxPath      = 4096
	maxDepth     = 256
	maxDescribed = 128 << 20
)

func newTree() *tree { return treeAt(&node{inode: directory(), children: map[string]*node{}}) }

// treeAt is a tree of what is in a directory.
func treeAt(root *node) *tree {
	return &tree{root: root, changed: map[string]bool{}, opaque: map[string]bool{}}
}

// settle makes what changed what was there before.
func (t *tree) settle() { t.changed, t.opaque = map[string]bool{}, map[string]bool{} }

// clone returns a copy that shares nothing but what never changes.
func (t *tree) clone() *tree {
	c := treeAt(t.root.clone())
	c.files, c.described = t.files, t.described
	return c
}

func (n *node) clone() *node {
	if !n.isDir() {
		return &node{inode: n.inode}
	}
	c := &node{inode: n.inode, children: make(map[string]*node, len(n.children))}
	for name, child := range n.children {
		c.children[name] = child.clone()
	}
	return c
}

// clean is a path from the root, without a slash at either end; the root is empty.
func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// resolve follows the links in a path and returns the path without them. What does not exist stays as it is written. The last
// element is followed only if so asked.
func (t *tree) resolve(name string, last bool) (string, error) {
	rest := strings.Split(clean(name), "/")
	done := ""
	for links := 0; len(rest) > 0; {
		next := clean(path.Join(done, rest[0]))
		if len(next) > maxPath || len(rest)+strings.Count(done, "/") > maxDepth {
			return "", fmt.Errorf("%.100s: %w", name, limitError("directories within each other, or a longer path", maxDepth))
		}
		rest = rest[1:]
		n := t.at(next)
		if n == nil || n.kind != tar.TypeSymlink || len(rest) == 0 && !last {
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: too many levels of symbolic links", name)
		}
		target := n.target
		if !path.IsAbs(target) {
			target = path.Join("/", path.Dir("/"+next), target)
		}
		done, rest = "", append(strings.Split(clean(target), "/"), rest...)
	}
	return done, nil
}

// at returns what is at a path without links, or nil.
func (t *tree) at(resolved string) *node {
	n := t.root
	for name := range strings.SplitSeq(resolved, "/") {
		if name == "" {
			continue
		}
		if n = n.children[name]; n == nil {
			return nil
		}
	}
	return n
}

// stat returns what is at a path, through links. The error is one of fs.ErrNotExist, in docker's words.
func (t *tree) stat(name string) (*node, error) {
	resolved, err := t.resolve(name, true)
	if err != nil {
		return nil, err
	}
	if n := t.at(resolved); n != nil {
		return n, nil
	}
	return nil, &fs.PathError{Op: "stat", Path: clean(name), Err: fs.ErrNotExist}
}

// put sets what is at a path, whose parent is there. A directory keeps the children that it has, and is otherwise replaced.
func (t *tree) put(resolved string, in *inode) (*node, error) {
	dir, name := path.Split(resolved)
	parent := t.at(dir)
	switch {
	case resolved == "":
		parent = &node{inode: t.root.inode, children: map[string]*node{"": t.root}}
	case parent == nil || !parent.isDir():
		return nil, fmt.Errorf("/%s: not a directory", clean(dir))
	}
	n := parent.children[name]
	switch {
	case n == nil:
		n = &node{}
		parent.children[name] = n
		t.files++
	case resolved == "" && in.kind != tar.TypeDir:
		return nil, fmt.Errorf("/: it stays a directory")
	}
	if in.kind != tar.TypeDir {
		n.children = nil
	} else if n.children == nil {
		n.children = map[string]*node{}
		t.opaque[resolved] = n.inode != nil && !t.changed[resolved]
	}
	n.inode = in
	t.changed[resolved] = true
	return n, nil
}

// remove takes away a path and all below it.
func (t *tree) remove(resolved string) {
	dir, name := path.Split(resolved)
	if parent := t.at(dir); parent != nil {
		delete(parent.children, name)
	}
}

// mkdirs makes the directories of a path that are missing like a given one, through links, and returns the path without links.
func (t *tree) mkdirs(name string, like *inode) (string, error) {
	resolved, err := t.resolve(name, true)
	if err != nil || resolved == "" {
		return resolved, err
	}
	done := ""
	for part := range strings.SplitSeq(resolved, "/") {
		done = path.Join(done, part)
		n := t.at(done)
		if n != nil && !n.isDir() {
			return "", fmt.Errorf("mkdir /%s: not a directory", done)
		}
		if n == nil {
			if _, err := t.put(done, like); err != nil {
				return "", err
			}
		}
	}
	return resolved, nil
}

// walk calls visit for what is at a path and all below it, in order, with paths relative to it; the path itself is ".".
func (n *node) walk(visit func(rel string, n *node) error) error { return n.walkFrom(".", visit) }

func (n *node) walkFrom(rel string, visit func(string, *node) error) error {
	if err := visit(rel, n); err != nil {
		return err
	}
	for _, name := range n.names() {
		if err := n.children[name].walkFrom(path.Join(rel, name), visit); err != nil {
			return err
		}
	}
	return nil
}
