package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/acrlocal/acrlocal/"

// arrows says, for each package of ours, which other packages of ours it may import. Dependencies point one way.
var arrows = map[string][]string{
	"gate":                    nil,
	"identity":                nil,
	"cmd/acrlocal":            {"emulator", "gate"},
	"emulator":                {"gate", "identity", "emulator/internal/"},
	"emulator/emulatortest":   {"emulator", "gate"},
	"emulator/internal/azure": nil,
	"emulator/internal/agent": {"emulator/internal/azure"},
	"emulator/internal/executor": {
		"emulator/internal/executor/layer", "emulator/internal/executor/sandbox", "emulator/internal/handover", "emulator/internal/vantage",
	},
	"emulator/internal/executor/layer":   nil,
	"emulator/internal/executor/sandbox": {"emulator/internal/executor/layer", "emulator/internal/handover"},
	"emulator/internal/builtin":          {"emulator/internal/builtin/"},
	"emulator/internal/builtin/acr":      {"emulator/internal/builtin/program"},
	"emulator/internal/builtin/curl":     {"emulator/internal/builtin/program"},
	"emulator/internal/builtin/program":  nil,
	"emulator/internal/builtin/shell":    {"emulator/internal/builtin/program"},
	"emulator/internal/handover":         nil,
	"emulator/internal/dockerfile":       {"emulator/internal/compression", "emulator/internal/executor"},
	"emulator/internal/blob":             nil,
	"emulator/internal/compression":      nil,
	"emulator/internal/odata":            nil,
	"emulator/internal/tasks": {
		"emulator/internal/agent", "emulator/internal/azure", "emulator/internal/blob", "emulator/internal/dockerfile",
		"emulator/internal/executor", "emulator/internal/tasks/source", "emulator/internal/tasks/taskfile", "emulator/internal/tasks/trigger",
	},
	"emulator/internal/tasks/source":                {"emulator/internal/compression"},
	"emulator/internal/tasks/trigger":               nil,
	"emulator/internal/tasks/taskfile":              {"emulator/internal/yamlfile"},
	"emulator/internal/yamlfile":                    nil,
	"emulator/internal/arm":                         {"gate", "emulator/internal/azure", "emulator/internal/odata", "emulator/internal/template"},
	"emulator/internal/template":                    nil,
	"emulator/internal/graph":                       {"gate", "emulator/internal/azure", "emulator/internal/odata"},
	"emulator/internal/vantage":                     {"emulator/internal/azure", "emulator/internal/handover"},
	"emulator/internal/services/defender":           {"emulator/internal/agent", "emulator/internal/azure", "emulator/internal/services/defender/inventory"},
	"emulator/internal/services/defender/inventory": {"emulator/internal/compression"},
	"emulator/internal/services/imports":            {"emulator/internal/agent", "emulator/internal/azure"},
	"emulator/internal/services/instances": {
		"emulator/internal/agent", "emulator/internal/azure", "emulator/internal/executor", "emulator/internal/services/workload",
	},
	"emulator/internal/services/learning": {
		"emulator/internal/agent", "emulator/internal/azure", "emulator/internal/executor", "emulator/internal/services/workload",
	},
	"emulator/internal/services/workload":              {"emulator/internal/agent", "emulator/internal/azure", "emulator/internal/executor"},
	"emulator/internal/services/workload/workloadtest": {"emulator/internal/executor", "emulator/internal/vantage"},
	"emulator/internal/store":                          nil,
	"emulator/internal/store/sqlite":                   {"emulator/internal/store"},
	"emulator/internal/store/storetest":                {"emulator/internal/store"},
	"emulator/internal/registry":                       {"gate", "identity"},
	"emulator/internal/registry/oci":                   {"emulator/internal/store"},
	"e2e":                                              {"emulator", "gate", "identity"},
	"e2e/bench":                                        {"emulator", "gate", "identity"},
	"e2e/sdk":                                          {"emulator", "gate", "identity"},
	"e2e/imagecase":                                    nil,
	"e2e/imagecase/program":                            nil,
}

// reserved are modules that only some packages may import, with the reason.
var reserved = []struct{ module, only, reason string }{
	{"github.com/distribution/distribution/v3", "emulator/internal/registry/oci", "distribution stays behind one adapter"},
	{"modernc.org/sqlite", "emulator/internal/store/sqlite", "storage stays behind the store interface"},
	{"github.com/alecthomas/kong", "cmd/acrlocal", "the command line is the command's business"},
	{"net/http", "-emulator/internal/azure", "azure is the domain: no HTTP"},
	{"net/http", "-emulator/internal/template", "templates are evaluated, not served"},
	{"net/http", "-emulator/internal/tasks/taskfile", "the language of tasks does no I/O"},
	{"net/http", "-emulator/internal/tasks/trigger", "what sets off a task is decided, not served"},
	{"net/http", "-emulator/internal/store", "what is kept knows no HTTP"},
	{"net/http", "-emulator/internal/store/sqlite", "what is kept knows no HTTP"},
}

type listed struct {
	ImportPath string
	Doc        string
	Imports    []string
	GoFiles    []string
	Dir        string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,GoFiles,Dir", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// TestArrows holds every import of ours against the list of arrows, and the list against what there is.
func TestArrows(t *testing.T) {
	gone := maps.Clone(arrows)
	defer func() {
		for from := range gone {
			t.Errorf("there is no package %s: its arrows can go", from)
		}
	}()
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, module)
		delete(gone, from)
		allowed, known := arrows[from]
		if !known {
			t.Errorf("package %s is not in the list of arrows: say what it may import", from)
		}
		for _, imported := range p.Imports {
			checkReserved(t, from, imported)
			to, ours := strings.CutPrefix(imported, module)
			if ours && !pointsTo(allowed, to) {
				t.Errorf("%s imports %s; the arrows allow it only %v", from, to, allowed)
			}
		}
	}
}

func pointsTo(allowed []string, to string) bool {
	for _, a := range allowed {
		if to == a || strings.HasSuffix(a, "/") && strings.HasPrefix(to, a) {
			return true
		}
	}
	return false
}

func checkReserved(t *testing.T, from, imported string) {
	for _, r := range reserved {
		if imported != r.module && !strings.HasPrefix(imported, r.module+"/") {
			continue
		}
		except, isExcept := strings.CutPrefix(r.only, "-")
		if isExcept && from == except || !isExcept && from != r.only {
			t.Errorf("%s imports %s: %s", from, imported, r.reason)
		}
	}
}

// TestPackageDocs wants a package comment everywhere.
func TestPackageDocs(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && strings.TrimSpace(p.Doc) == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// The bounds on the shape of the code. They keep a reader's place in it, and a reviewer's patience.
const (
	maxFileLines     = 600
	maxFunctionLines = 60
	maxParameters    = 5
)

// TestShape bounds files, functions and parameter lists, and wants a comment on every exported name.
func TestShape(t *testing.T) {
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != ".." && strings.HasPrefix(d.Name(), "."), d.IsDir() && d.Name() == "testdata":
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go"):
			checkFile(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkFile(t *testing.T, path string) {
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(source, []byte("\n")); n > maxFileLines {
		t.Errorf("%s has %d lines, more than %d", path, n, maxFileLines)
	}
	if strings.HasSuffix(path, "_test.go") {
		return
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			checkFunction(t, set, d)
		case *ast.GenDecl:
			checkNames(t, set, d)
		}
	}
}

func checkFunction(t *testing.T, set *token.FileSet, f *ast.FuncDecl) {
	at := set.Position(f.Pos())
	if f.Body != nil {
		if n := set.Position(f.Body.Rbrace).Line - set.Position(f.Body.Lbrace).Line - 1; n > maxFunctionLines {
			t.Errorf("%s: %s has %d lines, more than %d", at, f.Name.Name, n, maxFunctionLines)
		}
	}
	if n := f.Type.Params.NumFields(); n > maxParameters {
		t.Errorf("%s: %s has %d parameters, more than %d", at, f.Name.Name, n, maxParameters)
	}
	if f.Name.IsExported() && f.Doc == nil {
		t.Errorf("%s: exported %s has no comment", at, f.Name.Name)
	}
}

func checkNames(t *testing.T, set *token.FileSet, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && s.Doc == nil && d.Doc == nil && s.Comment == nil {
				t.Errorf("%s: exported %s has no comment", set.Position(s.Pos()), s.Name.Name)
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if name.IsExported() && s.Doc == nil && d.Doc == nil && s.Comment == nil {
					t.Errorf("%s: exported %s has no comment", set.Position(s.Pos()), name.Name)
				}
			}
		}
	}
}
