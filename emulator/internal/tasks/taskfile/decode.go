package taskfile

import (
	"fmt"
	"reflect"
	"strings"
)

// The forms of a file, with its names (acr-tasks §1.2). What else is in a file is passed over, as ACR's engine does.
type (
	fileTask struct {
		Version          string         `yaml:"version"`
		Steps            []*fileStep    `yaml:"steps"`
		StepTimeout      int            `yaml:"stepTimeout"`
		Secrets          []*fileSecret  `yaml:"secrets"`
		Networks         []*fileNetwork `yaml:"networks"`
		Volumes          []*fileVolume  `yaml:"volumes"`
		Env              []string       `yaml:"env"`
		WorkingDirectory string         `yaml:"workingDirectory"`
	}
	fileStep struct {
		ID                    string       `yaml:"id"`
		Cmd                   string       `yaml:"cmd"`
		Build                 string       `yaml:"build"`
		Push                  []string     `yaml:"push"`
		WorkingDirectory      string       `yaml:"workingDirectory"`
		EntryPoint            string       `yaml:"entryPoint"`
		User                  string       `yaml:"user"`
		Network               string       `yaml:"network"`
		Isolation             string       `yaml:"isolation"`
		CPUs                  string       `yaml:"cpus"`
		Cache                 string       `yaml:"cache"`
		Mounts                []*fileMount `yaml:"volumeMounts"`
		Env                   []string     `yaml:"env"`
		Expose                []string     `yaml:"expose"`
		Ports                 []string     `yaml:"ports"`
		When                  []string     `yaml:"when"`
		ExitedWith            []int        `yaml:"exitedWith"`
		ExitedWithout         []int        `yaml:"exitedWithout"`
		Timeout               int          `yaml:"timeout"`
		CmdDownloadRetries    int          `yaml:"cmdDownloadRetries"`
		CmdDownloadRetryDelay int          `yaml:"cmdDownloadRetryDelay"`
		StartDelay            int          `yaml:"startDelay"`
		RetryDelay            int          `yaml:"retryDelay"`
		Retries               int          `yaml:"retries"`
		RetryOnErrors         []string     `yaml:"retryOnErrors"`
		Repeat                int          `yaml:"repeat"`
		Keep                  bool         `yaml:"keep"`
		Detach                bool         `yaml:"detach"`
		Privileged            bool         `yaml:"privileged"`
		IgnoreErrors          bool         `yaml:"ignoreErrors"`
		KeepImageDirectory    bool         `yaml:"disableWorkingDirectoryOverride"`
		Pull                  bool         `yaml:"pull"`
	}
	fileSecret struct {
		ID       string `yaml:"id"`
		KeyVault string `yaml:"keyvault"`
		ClientID string `yaml:"clientID"`
	}
	fileNetwork struct {
		Name         string `yaml:"name"`
		Driver       string `yaml:"driver"`
		IPv6         bool   `yaml:"ipv6"`
		SkipCreation bool   `yaml:"skipCreation"`
		IsDefault    bool   `yaml:"isDefault"`
	}
	fileVolume struct {
		Name   string            `yaml:"name"`
		Secret map[string]string `yaml:"secret"`
	}
	fileMount struct {
		Name string `yaml:"name"`
		Path string `yaml:"mountPath"`
	}
	fileAlias struct {
		Source    []string          `yaml:"src"`
		Values    map[string]string `yaml:"values"`
		Directive string            `yaml:"directive"`
	}
)

// engineNames are what ACR's engine calls these forms; its messages have them.
var engineNames = strings.NewReplacer("taskfile.fileTask", "graph.Task", "taskfile.fileStep", "graph.Step", "taskfile.fileSecret",
	"secretmgmt.Secret", "taskfile.fileNetwork", "graph.Network", "taskfile.fileVolume", "volume.Volume", "taskfile.fileMount",
	"volume.Mount", "taskfile.fileAlias", "graph.Alias")

// decoder fills forms from nodes, and collects what does not fit.
type decoder struct {
	left   int // how many more values may be read, since an alias costs the file little
	errors []string
}

// maxDecodeErrors is how many are told; more help nobody.
const maxDecodeErrors = 20

// decode fills what target points to.
func decode(n *node, target any) error {
	d := decoder{left: maxValues}
	d.fill(n, reflect.ValueOf(target).Elem())
	if d.left < 0 {
		return fmt.Errorf("yaml: document contains excessive aliasing: more than %d values once they are followed", maxValues)
	}
	if len(d.errors) > 0 {
		return fmt.Errorf("yaml: unmarshal errors:\n  %s", strings.Join(d.errors, "\n  "))
	}
	return nil
}

func (d *decoder) fill(n *node, out reflect.Value) {
	if d.left--; d.left < 0 {
		return
	}
	if n.kind == scalarNode && n.scalarValue() == nil {
		return
	}
	switch out.Kind() {
	case reflect.Pointer:
		out.Set(reflect.New(out.Type().Elem()))
		d.fill(n, out.Elem())
	case reflect.Struct:
		d.fillStruct(n, out)
	case reflect.Slice:
		d.fillSlice(n, out)
	case reflect.Map:
		d.fillMap(n, out)
	default:
		d.fillScalar(n, out)
	}
}

func (d *decoder) fillStruct(n *node, out reflect.Value) {
	if n.kind != mappingNode {
		d.mismatch(n, out)
		return
	}
	fields := map[string]int{}
	for i := range out.NumField() {
		fields[out.Type().Field(i).Tag.Get("yaml")] = i
	}
	for _, e := range n.entries {
		if i, known := fields[e.key]; known {
			d.fill(e.value, out.Field(i))
		}
	}
}

func (d *decoder) fillSlice(n *node, out reflect.Value) {
	if n.kind != listNode {
		d.mismatch(n, out)
		return
	}
	list := reflect.MakeSlice(out.Type(), min(len(n.items), max(d.left, 0)), min(len(n.items), max(d.left, 0)))
	for i := range list.Len() {
		d.fill(n.items[i], list.Index(i))
	}
	if list.Len() < len(n.items) {
		d.left = -1
	}
	out.Set(list)
}

func (d *decoder) fillMap(n *node, out reflect.Value) {
	if n.kind != mappingNode {
		d.mismatch(n, out)
		return
	}
	out.Set(reflect.MakeMapWithSize(out.Type(), len(n.entries)))
	for _, e := range n.entries {
		value := reflect.New(out.Type().Elem()).Elem()
		d.fill(e.value, value)
		out.SetMapIndex(reflect.ValueOf(e.key), value)
	}
}

func (d *decoder) fillScalar(n *node, out reflect.Value) {
	value := n.scalarValue()
	switch {
	case n.kind != scalarNode:
	case out.Kind() == reflect.String:
		out.SetString(n.text)
		return
	case out.Kind() == reflect.Int:
		if whole, ok := value.(int); ok {
			out.SetInt(int64(whole))
			return
		}
	case out.Kind() == reflect.Bool:
		if truth, ok := value.(bool); ok {
			out.SetBool(truth)
			return
		}
	}
	d.mismatch(n, out)
}

func (d *decoder) mismatch(n *node, out reflect.Value) {
	if len(d.errors) < maxDecodeErrors {
		d.errors = append(d.errors, fmt.Sprintf("line %d: cannot unmarshal %s into %s", n.line, n.describe(), engineNames.Replace(out.Type().String())))
	}
}

// describe names a value as yaml.v2 does: its tag, and its first letters.
func (n *node) describe() string {
	switch n.kind {
	case listNode:
		return "!!seq"
	case mappingNode:
		return "!!map"
	}
	text := n.text
	if len(text) > 10 {
		text = text[:7] + "..."
	}
	tag := map[reflect.Kind]string{reflect.Bool: "bool", reflect.Int: "int", reflect.Float64: "float"}[reflect.ValueOf(n.scalarValue()).Kind()]
	if tag == "" {
		tag = "str"
	}
	return fmt.Sprintf("!!%s `%s`", tag, text)
}
