package taskfile

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParseBuild makes the tasks of builds without a file.
func TestParseBuild(t *testing.T) {
	for name, row := range map[string]struct {
		build DockerBuild
		want  string
		lines []string
	}{
		"what az acr build sends": {
			DockerBuild{Context: ".", Dockerfile: "Dockerfile", ImageNames: []string{"hello:{{.Run.ID}}", "contoso.azurecr.io/hello"}, Push: true},
			`version v1.0.0
step build after []
  build .
  Dockerfile Dockerfile
  Tags ["contoso.azurecr.io/hello:ca1" "contoso.azurecr.io/hello"]
  Timeout 8h0m0s
step push after [build]
  push contoso.azurecr.io/hello:ca1 contoso.azurecr.io/hello:latest
  Timeout 1h0m0s
`,
			[]string{"-f Dockerfile -t contoso.azurecr.io/hello:ca1 -t contoso.azurecr.io/hello ."},
		},
		"everything, no push": {
			DockerBuild{
				Context: "https://github.com/ada/app.git#{{.Run.Branch}}", ImageNames: []string{"other.azurecr.io/a", "library/b"},
				Registries: []string{"other.azurecr.io"}, NoCache: true, Pull: true, Target: "{{.Values.stage}}", Platform: "linux/arm64",
				Arguments: []Argument{{Name: "A", Value: "{{.Run.ID}} b"}, {Name: "S", Value: "hidden", Secret: true}},
			},
			`version v1.0.0
step build after []
  build https://github.com/ada/app.git#main
  Tags ["other.azurecr.io/a" "library/b"]
  Args [{Name:A Value:ca1 b Secret:false} {Name:S Value:hidden Secret:true}]
  Target base
  Platform linux/arm64
  NoCache true
  Pull true
  Timeout 8h0m0s
`,
			[]string{`--pull --no-cache -t other.azurecr.io/a -t library/b --build-arg 'A=ca1 b' --build-arg 'S=***' --target base --platform linux/arm64 'https://github.com/ada/app.git#main'`},
		},
		"no image": {
			DockerBuild{Context: "/dev/null", Push: true},
			"version v1.0.0\nstep build after []\n  build /dev/null\n  Timeout 8h0m0s\n",
			[]string{"/dev/null"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			task, err := ParseBuild(context.Background(), row.build, Input{Run: run, Set: []Argument{{Name: "stage", Value: "base"}}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, describe(task)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(row.lines[0], task.Steps[0].Text); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestParseBuildRefuses tries builds that cannot be.
func TestParseBuildRefuses(t *testing.T) {
	for want, build := range map[string]DockerBuild{
		"build requires exactly 1 argument":     {},
		"must be lowercase":                     {Context: ".", ImageNames: []string{"Hello"}},
		"failed to parse template: build":       {Context: "{{"},
		"the template is too much work":         {Context: ".", ImageNames: []string{"{{range 1000000000}}{{end}}"}},
		"nil pointer evaluating interface {}.b": {Context: ".", Arguments: []Argument{{Name: "A", Value: "{{.Values.a.b}}"}}},
		`function "env" not defined`:            {Context: `{{env "HOME"}}`},
	} {
		if _, err := ParseBuild(context.Background(), build, Input{Run: run}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
