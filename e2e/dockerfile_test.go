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
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/acrlocal/acrlocal/e2e/imagecase"
)

// record makes TestDockerfile write what the judge says into the cases, instead of comparing it.
var record = flag.Bool("record", false, "write what docker says into the cases of Dockerfiles")

// TestDockerfile lets Docker say what the images of the cases are. The tests of emulator/internal/dockerfile hold our builder
// to the same descriptions, with Go alone.
func TestDockerfile(t *testing.T) {
	need(t, "docker", "dockerd")
	cases, err := imagecase.Load("../emulator/internal/dockerfile/testdata")
	if err != nil {
		t.Fatal(err)
	}
	d := startDocker(t)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if c.Judge == "nobody" {
				t.Skip("no judge of this case is at hand; its comment says why")
			}
			want, failure := d.judge(t, c)
			if *record {
				if err := c.Record(want, failure); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, c.Want); diff != "" {
				t.Errorf("the image (-docker +case):\n%s", diff)
			}
			if failure != c.Error {
				t.Errorf("docker says\n%s\nand not\n%s", failure, c.Error)
			}
		})
	}
}

// docker is a daemon of the test's own, and the client that came with it.
type docker struct{ client, host, dir string }

func startDocker(t *testing.T) *docker {
	d := &docker{client: "docker", dir: shortDir(t)}
	// A newer client beside the daemon's own may want a plug-in for BuildKit that is not there.
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

// run runs the client. Under BuildKit, progress is plain.
func (d *docker) run(args ...string) (string, error) { return d.runWith("0", args...) }

func (d *docker) runWith(buildkit string, args ...string) (string, error) {
	cmd := exec.Command(d.client, args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+d.host, "DOCKER_BUILDKIT="+buildkit, "BUILDKIT_PROGRESS=plain")
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// judge builds a case. It returns the description of the image, or what docker said instead.
func (d *docker) judge(t *testing.T, c *imagecase.Case) (want, failure string) {
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
	for id, secret := range c.Secrets {
		file := filepath.Join(t.TempDir(), id)
		if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--secret", "id="+id+",src="+file)
	}
	output, err := d.runWith(map[string]string{"buildkit": "1"}[c.Judge], append(args, dir)...)
	t.Log(output)
	if err != nil {
		return "", regexp.MustCompile(d.dir+`/data/\w+/\w+/\w+`).ReplaceAllString(lastWords(output), "")
	}
	return d.describe(t, c), ""
}

// load gives docker the images of a case.
func (d *docker) load(t *testing.T, c *imagecase.Case) {
	t.Helper()
	for reference, image := range c.Images {
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

func (d *docker) describe(t *testing.T, c *imagecase.Case) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image.tar")
	if output, err := d.run("save", "-o", file, "case"); err != nil {
		t.Fatal(output)
	}
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

var daemonPrefix = regexp.MustCompile(`^(Error response from daemon: |ERROR: )`)

// lastWords are those with which a build ended.
func lastWords(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return daemonPrefix.ReplaceAllString(lines[len(lines)-1], "")
}
