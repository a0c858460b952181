package arm

import (
	"maps"
	"slices"
)

// Routes returns the method and the path of every route but the engine's own.
func Routes() [][2]string {
	var all [][2]string
	for _, r := range routes() {
		if r.path != "/*" {
			all = append(all, [2]string{r.method, r.path})
		}
	}
	return all
}

// Kinds returns the types that have a row, each with the folded names of its actions.
func Kinds() map[string][]string {
	all := map[string][]string{}
	for _, k := range kinds() {
		all[k.name] = slices.Sorted(maps.Keys(k.actions))
	}
	return all
}
