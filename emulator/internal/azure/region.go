package azure

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// RegionName returns the name of a region that may be written as people do: West Europe is westeurope.
func RegionName(location string) string { return Fold(strings.ReplaceAll(location, " ", "")) }

var regionForm = regexp.MustCompile(`^[a-z][a-z0-9]{1,59}$`)

// ValidRegion reports whether a region could be called so, as RegionName has it. The name becomes part of host names.
func ValidRegion(name string) bool { return regionForm.MatchString(name) }

// Regions returns the regions in which a registry has its content, each once: its own first, then those of its
// replications, sorted. It has a data endpoint, and a private endpoint to it an address, in each (acr-behaviour §7).
func Regions(s *State, registry ResourceID) []string {
	return regionsOf(view(s, registry, ReadRegistry).Location, s.Children(registry.Key(), TypeReplication))
}

// regions is Regions for a registry as it will be.
func (w *completion) regions(registry *Document) []string {
	home, _ := registry.Body["location"].(string)
	return regionsOf(RegionName(home), w.ofType(registry.ID.Key(), TypeReplication))
}

func regionsOf(home string, replications []*Document) []string {
	var others []string
	for _, d := range replications {
		if r := ReadReplication(*d); r.Region != home {
			others = append(others, r.Region)
		}
	}
	slices.Sort(others)
	return slices.Concat([]string{home}, slices.Compact(others))
}

// formOf compiles the form of a whole text when it is first needed: counts make forms large, and most are never asked for.
func formOf(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^` + pattern + `$`) })
}
