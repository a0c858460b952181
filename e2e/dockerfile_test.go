//go:build clients

package e2e

import (
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/acrlocal/acrlocal/e2e/imagecase"
)

// record makes TestDockerfile write what the judge says into the cases, instead of comparing it.
var record = flag.Bool("record", false, "write what docker says into the cases of Dockerfiles")

// judge says what a case must be.
type judge interface {
	judge(t *testing.T, c *imagecase.Case) imagecase.Verdict
}

// TestDockerfile lets Docker and BuildKit say what the images of the cases are. The tests of emulator/internal/dockerfile hold
// our builder to the same descriptions, with Go alone. A BuildKit of its own is used where BUILDKIT_HOST says that there is one.
func TestDockerfile(t *testing.T) {
	need(t, "docker", "dockerd")
	cases, err := imagecase.Load("../emulator/internal/dockerfile/testdata")
	if err != nil {
		t.Fatal(err)
	}
	d := startDocker(t)
	judges := map[string]judge{"docker": d}
	if os.Getenv("BUILDKIT_HOST") != "" {
		judges["buildkitd"] = buildctl{}
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if judges[c.Judge] == nil {
				t.Skipf("the judge of this case is %s, who is not at hand", c.Judge)
			}
			verdict := judges[c.Judge].judge(t, c)
			if *record {
				if err := c.Record(verdict); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(verdict, c.Verdict()); diff != "" {
				t.Errorf("-%s +case:\n%s", c.Judge, diff)
			}
		})
	}
}

// docker is a daemon of the test's own, and the client that came with it.
type docker struct {
	client, host, dir string
	// loaded are the images that it has, by name.
	loaded map[string]v1.Hash
}

func startDocker(t *testing.T) *docker {
	d := &docker{client: "docker", dir: shortDir(t), loaded: map[string]v1.Hash{}}
	// The daemon's own client: a newer one beside it has other words.
	if _, err := os.Stat("/usr/bin/docker"); err == nil {
		d.client = "/usr/bin/docker"
	}
	d.host = "unix://" + d.dir + "/docker.sock"
	end := filepath.Join(d.dir, "end")
	daemon := exec.Command("sh", "testdata/client/dockerd.sh", d.dir, "sh", "-c", "until test -e "+end+"; do sleep 0.1; done")
	daemon.Env = append(os.Environ(), "DOCKER_DRIVER=overlay2")
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(end, nil, 0o600); err != nil {
			t.Error(err)
		}
		daemon.Wait() //nolint:errcheck // it is ended
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if output, err := d.run("version"); err == nil {
			return d
		} else if time.Now().After(deadline) {
			t.Fatalf("dockerd does not answer:\n%s", output)
		}
	}
}

// run runs the client, with the classic builder.
func (d *docker) run(args ...string) (string, error) {
	cmd := exec.Command(d.client, args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+d.host, "DOCKER_BUILDKIT=0")
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// judge builds a case.
func (d *docker) judge(t *testing.T, c *imagecase.Case) (v imagecase.Verdict) {
	dir := t.TempDir()
	if err := c.Context(dir); err != nil {
		t.Fatal(err)
	}
	d.load(t, c)
	args := []string{"build", "--no-cache", "--network", "none", "-t", "case"}
	for flag, value := range map[string]string{"--target": c.Target, "--platform": c.Platform} {
		if value != "" {
			args = append(args, flag, value)
		}
	}
	if c.Dockerfile != "" {
		args = append(args, "-f", filepath.Join(dir, c.Dockerfile))
	}
	for flag, pairs := range map[string]map[string]string{"--build-arg": c.Args, "--label": c.Labels} {
		for _, key := range slices.Sorted(maps.Keys(pairs)) {
			args = append(args, flag, key+"="+pairs[key])
		}
	}
	args = append(args, secrets(t, c)...)
	output, err := d.run(append(args, dir)...)
	t.Log(output)
	if c.Quiet == "" {
		v.Says = imagecase.Words(output)
	}
	if err != nil {
		// The last line is the error.
		v.Says = v.Says[:strings.LastIndex(strings.TrimSuffix(v.Says, "\n"), "\n")+1]
		v.Error = regexp.MustCompile(d.dir+`/data/\w+/\w+/\w+`).ReplaceAllString(lastWords(output), "")
		return v
	}
	file := filepath.Join(t.TempDir(), "image.tar")
	if output, err := d.run("save", "-o", file, "case"); err != nil {
		t.Fatal(output)
	}
	v.Want = describe(t, c, file)
	return v
}

// secrets writes the secrets of a case to files, for the client to read.
func secrets(t *testing.T, c *imagecase.Case) (args []string) {
	t.Helper()
	for id, secret := range c.Secrets {
		file := filepath.Join(t.TempDir(), id)
		if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--secret", "id="+id+",src="+file)
	}
	return args
}

// load gives docker the images of a case.
func (d *docker) load(t *testing.T, c *imagecase.Case) {
	t.Helper()
	for reference, image := range c.Images {
		id, err := image.ConfigName()
		if err == nil && d.loaded[reference] == id {
			continue
		}
		d.loaded[reference] = id
		file := filepath.Join(t.TempDir(), "image.tar")
		tag, err := name.NewTag(reference)
		if err == nil {
			err = tarball.WriteToFile(file, tag, image)
		}
		if err != nil {
			t.Fatal(err)
		}
		if output, err := d.run("load", "-i", file); err != nil {
			t.Fatal(output)
		}
	}
}

// describe reads an image that was saved to a file.
func describe(t *testing.T, c *imagecase.Case, file string) string {
	t.Helper()
	image, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	description, err := c.Describe(image)
	if err != nil {
		t.Fatal(err)
	}
	return description
}

// buildctl is the client of a BuildKit that runs already.
type buildctl struct{}

func (buildctl) judge(t *testing.T, c *imagecase.Case) imagecase.Verdict {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "image.tar")
	if err := c.Context(dir); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"build", "--no-cache", "--progress", "plain", "--frontend", "dockerfile.v0", "--local", "context=" + dir, "--local", "dockerfile=" + dir,
		"--output", "type=docker,dest=" + out,
	}
	for option, value := range map[string]string{"target": c.Target, "platform": c.Platform, "filename": c.Dockerfile} {
		if value != "" {
			args = append(args, "--opt", option+"="+value)
		}
	}
	for option, pairs := range map[string]map[string]string{"build-arg:": c.Args, "label:": c.Labels} {
		for key, value := range pairs {
			args = append(args, "--opt", option+key+"="+value)
		}
	}
	args = append(append(args, secrets(t, c)...), layouts(t, c)...)
	output, err := exec.Command("buildctl", args...).CombinedOutput()
	t.Logf("%s", output)
	if err != nil {
		return imagecase.Verdict{Error: lastWords(string(output))}
	}
	return imagecase.Verdict{Want: describe(t, c, out)}
}

// layouts gives BuildKit the images of a case.
func layouts(t *testing.T, c *imagecase.Case) (args []string) {
	t.Helper()
	for reference, image := range c.Images {
		dir := t.TempDir()
		stored, err := layout.Write(dir, empty.Index)
		if err == nil {
			err = stored.AppendImage(image)
		}
		if err != nil {
			t.Fatal(err)
		}
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "--oci-layout", reference+"="+dir, "--opt", "context:"+reference+"=oci-layout://"+reference+"@"+digest.String())
	}
	return args
}

var daemonPrefix = regexp.MustCompile(`^(Error response from daemon: |ERROR: |error: failed to solve: )`)

// lastWords are those with which a build ended.
func lastWords(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return daemonPrefix.ReplaceAllString(lines[len(lines)-1], "")
}
