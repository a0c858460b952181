package taskfile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"text/template"
	"text/template/parse"

	"github.com/Masterminds/sprig/v3"
)

var (
	errPatience = errors.New("the template is too much work: its loops, or what its functions make, go on for too long")
	errTooLarge = fmt.Errorf("a value in the template is larger than %d bytes, or holds itself", maxValue)
	errTooDeep  = fmt.Errorf("templates call each other more than %d deep", maxCalls)
)

// meter bounds the work of a rendering. Templates have loops and recursion, and functions that make much of little;
// nothing of it can be stopped from outside. So each function, each turn of a loop, each call of a template and each value
// that is printed passes the meter, which ends what goes too far.
type meter struct {
	ctx   context.Context //nolint:containedctx // of the one rendering that the meter lives for
	left  int
	calls int
	woven error // what a node of the meter's own refused, of which text/template knows no place
}

// spend takes work from what is left.
func (m *meter) spend(work int) error {
	if err := m.ctx.Err(); err != nil {
		return err
	}
	if work < 0 || work > m.left {
		return errPatience
	}
	m.left -= work
	return nil
}

// functions are sprig's and text/template's own of which the result may be larger than what they are given, all under the
// meter. Those that reach the machine are left out.
func (m *meter) functions() template.FuncMap {
	functions := sprig.TxtFuncMap()
	for _, outside := range []string{"env", "expandenv", "getHostByName"} {
		delete(functions, outside)
	}
	maps.Copy(functions, template.FuncMap{
		"b64enc": base64Encode, "printf": fmt.Sprintf, "print": fmt.Sprint, "println": fmt.Sprintln,
		"html": template.HTMLEscaper, "js": template.JSEscaper, "urlquery": template.URLQueryEscaper,
	})
	costs := functionCosts()
	for name, function := range functions {
		functions[name] = m.wrap(reflect.ValueOf(function), costs[name])
	}
	return functions
}

var errorType = reflect.TypeFor[error]()

// wrap puts a function under the meter: what it is given and what it returns is weighed, and paid for.
func (m *meter) wrap(function reflect.Value, extra cost) any {
	t := function.Type()
	in, out := make([]reflect.Type, t.NumIn()), []reflect.Type{t.Out(0), errorType}
	for i := range in {
		in[i] = t.In(i)
	}
	call := function.Call
	if t.IsVariadic() {
		call = function.CallSlice
	}
	wrapped := func(args []reflect.Value) []reflect.Value {
		if err := m.before(args, extra); err != nil {
			return []reflect.Value{reflect.Zero(out[0]), reflect.ValueOf(&err).Elem()}
		}
		results := call(args)
		if len(results) == 1 {
			results = append(results, reflect.Zero(errorType))
		}
		if err := m.weigh(results[0]); err != nil {
			results[1] = reflect.ValueOf(&err).Elem()
		}
		return results
	}
	return reflect.MakeFunc(reflect.FuncOf(in, out, t.IsVariadic()), wrapped).Interface()
}

func (m *meter) before(args []reflect.Value, extra cost) error {
	if err := m.spend(callCost); err != nil {
		return err
	}
	for _, arg := range args {
		if err := m.weigh(arg); err != nil {
			return err
		}
	}
	if extra == nil {
		return nil
	}
	return m.spend(extra(args))
}

// weigh pays for a value. One that is too large is refused, and one that holds itself, which nothing could print.
func (m *meter) weigh(v reflect.Value) error {
	weight, err := weightOf(v, 0)
	if err != nil {
		return err
	}
	return m.spend(weight)
}

// The weights of what is not text: of a function's call and a loop's turn, and of an item in a list.
const (
	callCost = 256
	itemCost = 16
)

func weightOf(v reflect.Value, depth int) (int, error) {
	if depth > 2*maxNesting {
		return 0, errTooLarge
	}
	weight := itemCost
	switch v.Kind() {
	case reflect.String:
		weight += v.Len()
	case reflect.Interface:
		return weightOf(v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			weight += v.Len()
			break
		}
		for i := 0; i < v.Len() && weight <= maxValue; i++ {
			item, err := weightOf(v.Index(i), depth+1)
			if err != nil {
				return 0, err
			}
			weight += item
		}
	case reflect.Map:
		for each := v.MapRange(); weight <= maxValue && each.Next(); {
			item, err := weightOf(each.Value(), depth+1)
			if err != nil {
				return 0, err
			}
			weight += item + itemCost + each.Key().Len()
		}
	default:
	}
	if weight > maxValue {
		return 0, errTooLarge
	}
	return weight, nil
}

// The names of what the meter puts into templates. A task cannot call them: they are defined after it was parsed.
const (
	turn    = "_turn"
	enter   = "_enter"
	leave   = "_leave"
	printed = "_printed"
)

// instrument puts the meter into the syntax trees of a template.
func (m *meter) instrument(t *template.Template) error {
	own := template.FuncMap{turn: m.turn, enter: m.enter, leave: m.leave, printed: m.printed}
	t.Funcs(own)
	w := &weaver{nodes: map[string]*parse.ActionNode{}}
	for name := range own {
		trees, err := parse.Parse("meter", "{{"+name+"}}", "", "", own)
		if err != nil {
			return fmt.Errorf("meter: %w", err)
		}
		w.nodes[name], _ = trees["meter"].Root.Nodes[0].(*parse.ActionNode)
	}
	for _, defined := range t.Templates() {
		root := defined.Root
		w.list(root)
		root.Nodes = append(append([]parse.Node{w.nodes[enter]}, root.Nodes...), w.nodes[leave])
	}
	return nil
}

// own returns the error of a node of the meter's own.
func (m *meter) own(err error) error {
	m.woven = err
	return err
}

func (m *meter) turn() (string, error) { return "", m.own(m.spend(callCost)) }

func (m *meter) enter() (string, error) {
	if m.calls++; m.calls > maxCalls {
		return "", m.own(errTooDeep)
	}
	return m.turn()
}

func (m *meter) leave() string {
	m.calls--
	return ""
}

func (m *meter) printed(v any) (any, error) {
	if v == nil {
		return "<no value>", m.own(m.spend(callCost)) // as text/template prints it
	}
	return v, m.own(m.weigh(reflect.ValueOf(v)))
}

// weaver walks a syntax tree.
type weaver struct{ nodes map[string]*parse.ActionNode }

func (w *weaver) list(list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			if len(n.Pipe.Decl) == 0 {
				n.Pipe.Cmds = append(n.Pipe.Cmds, w.nodes[printed].Pipe.Cmds[0])
			}
		case *parse.IfNode:
			w.branches(&n.BranchNode)
		case *parse.WithNode:
			w.branches(&n.BranchNode)
		case *parse.RangeNode:
			w.branches(&n.BranchNode)
			n.List.Nodes = append([]parse.Node{w.nodes[turn]}, n.List.Nodes...)
		}
	}
}

func (w *weaver) branches(n *parse.BranchNode) {
	w.list(n.List)
	w.list(n.ElseList)
}
