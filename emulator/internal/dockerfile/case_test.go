package dockerfile

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/e2e/imagecase"
)

// TestCases builds every case, and holds the image to what the judge said that it is.
func TestCases(t *testing.T) {
	cases, err := imagecase.Load("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 60 {
		t.Errorf("there are %d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if c.Want == "" && c.Error == "" {
				t.Fatal("the case says neither what the image is nor what the build says instead")
			}
			if diff := cmp.Diff(c.Verdict(), buildCase(t, c)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// buildCase builds a case.
func buildCase(t *testing.T, c *imagecase.Case) (v imagecase.Verdict) {
	t.Helper()
	var said strings.Builder
	o := caseOptions(t, c)
	o.Progress = &said
	result, err := Build(t.Context(), o)
	if c.Judge == "docker" && c.Quiet == "" {
		v.Says = imagecase.Words(said.String())
	}
	if err != nil {
		v.Error = err.Error()
		return v
	}
	defer result.Close() //nolint:errcheck // the directory is the test's
	if v.Want, err = c.Describe(result.Image); err != nil {
		t.Fatal(err)
	}
	return v
}

// caseOptions are the options of a case, with its context in a directory.
func caseOptions(t *testing.T, c *imagecase.Case) Options {
	t.Helper()
	dir := t.TempDir()
	if err := c.Context(dir); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() }) //nolint:errcheck // it is only read
	o := Options{
		Context: root, Dockerfile: c.Dockerfile, Target: c.Target, Args: c.Args, Labels: c.Labels,
		Tags: []string{"case:latest"}, Scratch: t.TempDir(), Secrets: map[string][]byte{},
		Platform: v1.Platform{OS: "linux", Architecture: "amd64"},
		Pull: func(_ context.Context, reference string, _ v1.Platform) (v1.Image, error) {
			image, known := c.Images[reference]
			if !known {
				return nil, fmt.Errorf("there is no image %s", reference)
			}
			return image, nil
		},
	}
	if c.Platform != "" {
		platform, err := v1.ParsePlatform(c.Platform)
		if err != nil {
			t.Fatal(err)
		}
		o.Platform = *platform
	}
	for id, secret := range c.Secrets {
		o.Secrets[id] = []byte(secret)
	}
	if c.Runs {
		o.Run = newNetwork(t)
	}
	return o
}
