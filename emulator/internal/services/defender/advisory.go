package defender

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/services/defender/inventory"
)

// Advisory is what is known of a vulnerability, as an OSV document says it (ossf.github.io/osv-schema).
type Advisory struct {
	// ID is the advisory's own name, Aliases its names elsewhere.
	ID      string   `json:"id"`
	Aliases []string `json:"aliases"`
	// Summary is a line for people, Details as much as there is to say.
	Summary string `json:"summary"`
	Details string `json:"details"`
	// Published and Modified are when it was.
	Published time.Time `json:"published"`
	Modified  time.Time `json:"modified"`
	// Withdrawn is when it was found not to hold; nil if it does.
	Withdrawn *time.Time `json:"withdrawn"`
	// Scores are CVSS vectors by type, such as CVSS_V3.
	Scores []struct {
		Type  string `json:"type"`
		Score string `json:"score"`
	} `json:"severity"`
	// References are where to read more.
	References []struct {
		URL string `json:"url"`
	} `json:"references"`
	Affected []Affected `json:"affected"`
	// Specific is what the database says in a form of its own.
	Specific struct {
		Severity string `json:"severity"`
	} `json:"database_specific"`
}

// Affected is a package of which some versions are vulnerable.
type Affected struct {
	Package struct {
		Ecosystem string `json:"ecosystem"`
		Name      string `json:"name"`
	} `json:"package"`
	Ranges   []Range  `json:"ranges"`
	Versions []string `json:"versions"`
	Specific struct {
		Severity string `json:"severity"`
		Urgency  string `json:"urgency"`
	} `json:"ecosystem_specific"`
}

// Range is a range of versions. Those of type GIT name commits, which no package has.
type Range struct {
	Type   string  `json:"type"`
	Events []Event `json:"events"`
}

// Event is where a range begins or ends: one of its members is there. Introduced 0 is before every version.
type Event struct {
	Introduced   string `json:"introduced"`
	Fixed        string `json:"fixed"`
	LastAffected string `json:"last_affected"`
}

// The bounds of a directory of advisories.
const (
	maxAdvisory   = 4 << 20 // bytes of a file
	maxAdvisories = 1_000_000
)

// advisories are those of a directory, by package.
type advisories map[packageKey][]concern

type packageKey struct{ ecosystem, name string }

// concern is an advisory as it concerns a package.
type concern struct {
	*Advisory
	affected *Affected
}

// readAdvisories reads all *.json of a directory, at any depth. A file that is no advisory is an error.
func readAdvisories(dir string) (advisories, error) {
	all, count := advisories{}, 0
	if dir == "" {
		return all, nil
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".json") {
			return err
		}
		if count++; count > maxAdvisories {
			return fmt.Errorf("%s has more than %d advisories", dir, maxAdvisories)
		}
		data, err := readBounded(path)
		if err == nil {
			err = all.add(data)
		}
		if err != nil {
			return fmt.Errorf("advisory %s: %w", path, err)
		}
		return nil
	})
	return all, err
}

func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxAdvisory+1))
	if len(data) > maxAdvisory {
		return nil, fmt.Errorf("it has more than %d bytes", maxAdvisory)
	}
	return data, err
}

// add takes an advisory in, under each package that it is about.
func (all advisories) add(data []byte) error {
	a := &Advisory{}
	if err := json.Unmarshal(data, a); err != nil {
		return err
	}
	if a.ID == "" {
		return errors.New("it has no id")
	}
	if a.Withdrawn != nil {
		return nil
	}
	for i := range a.Affected {
		of := &a.Affected[i]
		key := packageKey{of.Package.Ecosystem, of.Package.Name}
		all[key] = append(all[key], concern{a, of})
	}
	return nil
}

// Finding is a vulnerable package of an image.
type Finding struct {
	*Advisory
	Package inventory.Package
	// Severity is Low, Medium or High.
	Severity string
	// Fixed is the version that is not vulnerable any more; empty if there is none yet.
	Fixed string
}

// match finds what is known of the packages of an image.
func (all advisories) match(list inventory.List) []Finding {
	var findings []Finding
	for _, p := range list.Packages {
		seen := map[string]bool{}
		for _, key := range keysOf(p) {
			for _, c := range all[key] {
				fixed, vulnerable := c.affected.holds(p)
				if !vulnerable || seen[c.ID] {
					continue
				}
				seen[c.ID] = true
				findings = append(findings, Finding{Advisory: c.Advisory, Package: p, Severity: c.severity(), Fixed: fixed})
			}
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(weight[b.Severity], weight[a.Severity]), strings.Compare(a.ID, b.ID), strings.Compare(a.Package.Name, b.Package.Name))
	})
	return findings
}

// keysOf are under what advisories about a package may be: those of distributions go by the source package, and name the
// release or none.
func keysOf(p inventory.Package) []packageKey {
	var keys []packageKey
	manager, _, released := strings.Cut(p.Ecosystem, ":")
	for _, name := range slices.Compact([]string{p.Source, p.Name}) {
		keys = append(keys, packageKey{p.Ecosystem, name})
		if released {
			keys = append(keys, packageKey{manager, name})
		}
	}
	return keys
}

// holds reports whether a package is of a version that is affected, and which one mends it.
func (a *Affected) holds(p inventory.Package) (fixed string, vulnerable bool) {
	compare := comparison(p.Ecosystem)
	for _, r := range a.Ranges {
		if r.Type == "GIT" {
			continue
		}
		if fixed, within := r.holds(p.SourceVersion, compare); within {
			return fixed, true
		}
	}
	return "", slices.Contains(a.Versions, p.SourceVersion)
}

// holds reports whether a version is in a range, and where the range ends. Versions that cannot be compared are in none.
func (r Range) holds(version string, compare comparer) (fixed string, within bool) {
	events := slices.Clone(r.Events)
	slices.SortStableFunc(events, func(a, b Event) int {
		order, _ := compare(a.version(), b.version())
		return order
	})
	for _, e := range events {
		order, ok := compare(version, e.version())
		if !ok {
			return "", false
		}
		switch {
		case e.Introduced != "" && order >= 0:
			within = true
		case e.Fixed != "" && order >= 0, e.LastAffected != "" && order > 0:
			within = false
		case e.Fixed != "" && within:
			return e.Fixed, true
		}
	}
	return "", within
}

func (e Event) version() string { return cmp.Or(e.Introduced, e.Fixed, e.LastAffected) }

// weight orders the severities.
var weight = map[string]int{"Low": 1, "Medium": 2, "High": 3}

// severities are what sub-assessments call the severities of databases.
var severities = map[string]string{
	"negligible": "Low", "unimportant": "Low", "low": "Low", "moderate": "Medium", "medium": "Medium", "important": "High", "high": "High",
	"critical": "High",
}

// severity is what the databases say; Medium where they say nothing.
func (c concern) severity() string {
	for _, said := range []string{c.affected.Specific.Severity, c.Specific.Severity, c.affected.Specific.Urgency} {
		if known, ok := severities[strings.ToLower(said)]; ok {
			return known
		}
	}
	return "Medium"
}
