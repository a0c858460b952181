package inventory

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"
)

// found is what one file says.
type found struct {
	packages []Package
	system   *System
}

// tree is what the files of some layers say, by path, without those that say nothing.
type tree struct {
	files map[string]found
	// folders are those above the files, with how many there are below each.
	folders map[string]int
}

func newTree() *tree { return &tree{files: map[string]found{}, folders: map[string]int{}} }

func (t *tree) set(name string, f found) {
	t.remove(name)
	t.files[name] = f
	for folder := path.Dir(name); ; folder = path.Dir(folder) {
		t.folders[folder]++
		if folder == "." {
			return
		}
	}
}

func (t *tree) remove(name string) {
	if _, there := t.files[name]; !there {
		return
	}
	delete(t.files, name)
	for folder := path.Dir(name); ; folder = path.Dir(folder) {
		if t.folders[folder]--; t.folders[folder] == 0 {
			delete(t.folders, folder)
		}
		if folder == "." {
			return
		}
	}
}

// removeBelow takes away what is in a folder.
func (t *tree) removeBelow(folder string) {
	if t.folders[folder] == 0 {
		return
	}
	for name := range t.files {
		if folder == "." || strings.HasPrefix(name, folder+"/") {
			t.remove(name)
		}
	}
}

// put lays a tree over this one.
func (t *tree) put(above *tree) {
	for name, f := range above.files {
		t.set(name, f)
	}
}

// whiteout is how the name of a file begins that takes another away, opaque the whole name of one that takes away all in
// its folder (OCI image specification, "Whiteouts").
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// hide does to this tree what an entry of a layer above it does: a file takes the place of what had its name, a whiteout
// takes it away. It reports whether the entry is a whiteout.
func (t *tree) hide(name string, isFolder bool) bool {
	folder, base := path.Dir(name), path.Base(name)
	hidden, isWhiteout := strings.CutPrefix(base, whiteout)
	switch {
	case base == opaque:
		t.removeBelow(folder)
	case isWhiteout:
		t.remove(path.Join(folder, hidden))
		t.removeBelow(path.Join(folder, hidden))
	case !isFolder:
		t.remove(name)
		t.removeBelow(name)
	default: // a folder in the place of a file
		t.remove(name)
	}
	return isWhiteout
}

// list is all that the files say, in order.
func (t *tree) list() List {
	var l List
	for _, name := range slices.Sorted(maps.Keys(t.files)) {
		f := t.files[name]
		l.Packages = append(l.Packages, f.packages...)
		if f.system != nil && (l.System == System{} || name == "etc/os-release") {
			l.System = *f.system
		}
	}
	for i := range l.Packages {
		l.Packages[i].Ecosystem = l.System.ecosystem(l.Packages[i].Ecosystem)
	}
	slices.SortStableFunc(l.Packages, func(a, b Package) int {
		return cmp.Or(strings.Compare(a.Ecosystem, b.Ecosystem), strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
	})
	return l
}

// ecosystem is what OSV calls the packages of a package manager in this system.
func (s System) ecosystem(manager string) string {
	switch {
	case manager == Debian && s.ID == "ubuntu":
		return "Ubuntu:" + s.Version
	case manager == Debian && s.ID == "debian" && s.Version != "":
		return Debian + ":" + s.Version
	case manager == Alpine && s.ID == "alpine" && strings.Count(s.Version, ".") > 0:
		branch := strings.SplitN(s.Version, ".", 3)
		return Alpine + ":v" + branch[0] + "." + branch[1]
	}
	return manager
}
