package azure

import (
	"cmp"
	"slices"
	"strings"
)

// maxNear is how many near places an error lists.
const maxNear = 5

// shortNames returns the short names of some of the IDs, as many as an error lists.
func shortNames(all, some []ResourceID) []string {
	var names []string
	for _, id := range some[:min(len(some), maxNear)] {
		names = append(names, shortName(all, id))
	}
	return names
}

// nearNames returns the places whose names are nearest to a text, nearest first: the emulator's services are among them.
func nearNames(ids []ResourceID, text string) []string {
	names, byName := slices.Clone(services), map[string]ResourceID{}
	for _, id := range ids {
		names = append(names, id.Key())
		byName[id.Key()] = id
	}
	near := Near(text, names)
	for i, name := range near {
		if id, ok := byName[name]; ok {
			near[i] = shortName(ids, id)
		}
	}
	return near
}

// Near returns the few names that are nearest to a text, nearest first, for errors that help. Of a path, its last segment
// counts.
func Near(text string, names []string) []string {
	wanted := Fold(lastSegment(text))
	far := func(name string) int { return distance(wanted, Fold(lastSegment(name))) }
	near := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return far(name) > max(2, len(wanted)/2) })
	slices.SortStableFunc(near, func(a, b string) int { return cmp.Compare(far(a), far(b)) })
	return near[:min(len(near), maxNear)]
}

func lastSegment(text string) string {
	return text[strings.LastIndexByte(text, '/')+1:]
}

// distance is how many letters must be put, dropped or changed to make b of a. A name that contains the other is near
// too. Long names are compared by their beginnings.
func distance(a, b string) int {
	const longest = 64
	a, b = a[:min(len(a), longest)], b[:min(len(b), longest)]
	if a != "" && strings.Contains(b, a) {
		return 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
