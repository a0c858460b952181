package defender

import (
	"strings"

	"github.com/Masterminds/semver/v3"
	apk "github.com/knqyf263/go-apk-version"
	deb "github.com/knqyf263/go-deb-version"

	"github.com/acrlocal/acrlocal/emulator/internal/services/defender/inventory"
)

// comparer orders two versions as their ecosystem does; ok is false if one of them is none.
type comparer func(a, b string) (order int, ok bool)

// comparers are those of the ecosystems, without a release.
var comparers = map[string]comparer{
	inventory.Debian: compareDebian, "Ubuntu": compareDebian, inventory.Alpine: compareAlpine, inventory.Go: compareGo,
}

// comparison returns how versions of an ecosystem are compared. In OSV 0 is before every version.
func comparison(ecosystem string) comparer {
	manager, _, _ := strings.Cut(ecosystem, ":")
	compare := comparers[manager]
	return func(a, b string) (int, bool) {
		switch {
		case compare == nil:
			return 0, false
		case a == "0" || b == "0":
			return strings.Compare(earliest(a), earliest(b)), true
		}
		return compare(a, b)
	}
}

// earliest sorts 0 before anything else.
func earliest(version string) string {
	if version == "0" {
		return ""
	}
	return "later"
}

func compareDebian(a, b string) (int, bool) {
	x, errX := deb.NewVersion(a)
	y, errY := deb.NewVersion(b)
	return x.Compare(y), errX == nil && errY == nil
}

func compareAlpine(a, b string) (int, bool) {
	x, errX := apk.NewVersion(a)
	y, errY := apk.NewVersion(b)
	return x.Compare(y), errX == nil && errY == nil
}

func compareGo(a, b string) (int, bool) {
	x, errX := semver.NewVersion(a)
	y, errY := semver.NewVersion(b)
	if errX != nil || errY != nil {
		return 0, false
	}
	return x.Compare(y), true
}
