package template

import (
	"context"
	"errors"
	"fmt"
)

// The bounds of the evaluation of one template.
const (
	maxSteps     = 2_000_000 // parts of expressions that are evaluated
	maxWork      = 256 << 20 // bytes that are read and made, in all
	maxValue     = 8 << 20   // bytes of one value; ARM's limit of a whole template is 4 MB
	maxEvalDepth = 400       // evaluations that wait for another: a variable for a variable, a function for its argument
	nodeSize     = 16        // bytes that a value which is not a string counts as
)

// meter bounds what the evaluation of one template costs.
type meter struct {
	ctx                context.Context
	steps, work, depth int
}

var errTooBig = fmt.Errorf("a value is larger than the limit of %d bytes", maxValue)

// step is charged for each part of an expression.
func (m *meter) step() error {
	m.steps++
	if m.steps > maxSteps {
		return fmt.Errorf("the template takes more than the limit of %d steps to evaluate", maxSteps)
	}
	if m.steps%1024 == 0 {
		return m.ctx.Err()
	}
	return nil
}

// enter is charged for each evaluation that waits for another; leave ends it.
func (m *meter) enter() error {
	m.depth++
	if m.depth > maxEvalDepth {
		return errors.New("the evaluation is nested too deeply")
	}
	return nil
}

func (m *meter) leave() { m.depth-- }

// charge is for a value that is looked at, or made. Values share their parts, so that a small one can be a large one when
// it is written out: this is what it counts.
func (m *meter) charge(value any) error {
	size := sizeOf(value, maxValue, 0)
	if size > maxValue {
		m.work += maxValue
		return errTooBig
	}
	return m.spend(size)
}

// spend is for work in proportion to so many bytes.
func (m *meter) spend(bytes int) error {
	m.work += bytes
	if m.work > maxWork {
		return errors.New("the template makes too much of its values")
	}
	return nil
}

// sizeOf is about how many bytes a value takes when it is written out. It stops counting above the limit; what is nested
// too deeply is above every limit.
func sizeOf(value any, limit, depth int) int {
	size := nodeSize
	if depth > maxNesting {
		return limit + 1
	}
	switch v := value.(type) {
	case string:
		size += len(v)
	case []any:
		for i := 0; i < len(v) && size <= limit; i++ {
			size += sizeOf(v[i], limit-size, depth+1)
		}
	case map[string]any:
		for name, item := range v {
			if size > limit {
				break
			}
			size += len(name) + sizeOf(item, limit-size, depth+1)
		}
	}
	return size
}
