package taskfile

import (
	"errors"
	"fmt"
	"slices"
)

const (
	// atOnce in when says that a step is after nothing.
	atOnce = "-"
	// root is the ID of what every step is after, in the engine.
	root = "acb_root"
)

// graph finds which steps each step is after. A step can only name one that stands before it in the file, so that there
// are no cycles (acr-tasks §1.2).
func graph(steps []*fileStep) ([][]int, error) {
	index := map[string]int{}
	after := make([][]int, len(steps))
	for i, s := range steps {
		if err := s.check(); err != nil {
			return nil, err
		}
		if s.ID == root {
			return nil, fmt.Errorf("%s is a reserved ID, it can't be used", root)
		}
		if _, exists := index[s.ID]; exists {
			return nil, fmt.Errorf("%s already exists as a vertex", s.ID)
		}
		index[s.ID] = i
		if len(s.When) == 0 && i > 0 {
			after[i] = []int{i - 1}
		}
		for _, id := range s.When {
			before, err := vertex(index, id, s.ID)
			if err != nil {
				return nil, err
			}
			after[i] = append(after[i], before...)
		}
		slices.Sort(after[i])
		after[i] = slices.Compact(after[i])
	}
	return after, nil
}

// vertex finds the step that an ID in when names: none for those that say "at once".
func vertex(index map[string]int, id, to string) ([]int, error) {
	before, exists := index[id]
	switch {
	case id == atOnce, id == root:
		return nil, nil
	case id == "":
		return nil, errors.New("from cannot be empty")
	case !exists:
		return nil, fmt.Errorf("%s does not exist as a vertex [from: %s, to: %s]", id, id, to)
	}
	return []int{before}, nil
}
