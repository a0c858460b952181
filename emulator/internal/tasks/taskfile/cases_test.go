package taskfile

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write down what comes of each case, to be read before it is kept")

// run is what the cases know of their run.
var run = Run{
	ID: "ca1", Registry: "contoso.azurecr.io", Date: time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC), SharedVolume: "acb_home_vol_1",
	OS: "linux", Architecture: "amd64", Commit: "8a2f", Branch: "main", TaskName: "nightly", TriggeredBy: "ada",
}

// secretValues is the key vault of the cases.
func secretValues(_ context.Context, secrets []Secret) (map[string]string, error) {
	values := map[string]string{}
	for _, s := range secrets {
		if strings.Contains(s.KeyVault, "closed") {
			return nil, fmt.Errorf("failed to resolve secret %s: the vault is closed", s.ID)
		}
		values[s.ID] = "value of " + s.ID
	}
	return values, nil
}

// TestCases reads testdata: each NAME.yaml is a task, NAME.values its values file, NAME.set what was set, NAME.src/X an
// alias file, and NAME.want or NAME.error what comes of it.
func TestCases(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txtar")
	if len(files) == 0 {
		t.Fatal("there are no cases")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { testFile(t, file) })
	}
}

func testFile(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for _, f := range archive.Files {
		parts[f.Name] = string(f.Data)
	}
	var kept []txtar.File
	for _, f := range archive.Files {
		name, isCase := strings.CutSuffix(f.Name, ".yaml")
		isCase = isCase && !strings.Contains(name, "/")
		if !strings.HasSuffix(f.Name, ".want") && !strings.HasSuffix(f.Name, ".error") {
			kept = append(kept, f)
		}
		if !isCase {
			continue
		}
		extension, got := outcome(name, parts)
		kept = append(kept, txtar.File{Name: name + extension, Data: []byte(got)})
		if *update {
			continue
		}
		t.Run(name, func(t *testing.T) {
			want, found := parts[name+extension]
			if !found {
				t.Fatalf("unexpected %s:\n%s", extension, got)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if *update {
		archive.Files = kept
		if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// outcome parses one case.
func outcome(name string, parts map[string]string) (extension, text string) {
	in := Input{
		Text: parts[name+".yaml"], Run: run, Values: parts[name+".values"], ResolveSecrets: secretValues, Env: strings.Fields(parts[name+".env"]),
		AliasFile: func(_ context.Context, source string) (string, error) {
			file, found := parts[name+".src/"+source]
			if !found {
				return "", errors.New("open " + source + ": no such file or directory")
			}
			return file, nil
		},
	}
	for line := range strings.Lines(parts[name+".set"]) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		in.Set = append(in.Set, Argument{Name: key, Value: value})
	}
	task, err := Parse(context.Background(), in)
	if err != nil {
		return ".error", err.Error() + "\n"
	}
	return ".want", describe(task)
}
