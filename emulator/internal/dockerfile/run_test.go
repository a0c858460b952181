package dockerfile

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/acrlocal/acrlocal/emulator/internal/executor"
)

// fakeNetwork keeps what it is asked to run, and answers with a layer or an error.
type fakeNetwork struct {
	executor.Network
	ran     []executor.Spec
	changes []*tar.Header
	err     error
	// look sees each container before it ends.
	look func(executor.Spec)
}

func (n *fakeNetwork) Layer(_ context.Context, s executor.Spec) (v1.Layer, error) {
	n.ran = append(n.ran, s)
	if n.look != nil {
		n.look(s)
	}
	if n.err != nil {
		return nil, n.err
	}
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, h := range n.changes {
		if err := archive.WriteHeader(h); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil })
}

// TestRunSpec looks at the containers that RUN asks for.
func TestRunSpec(t *testing.T) {
	network := &fakeNetwork{}
	_, err := Build(t.Context(), Options{
		Run: network, Scratch: t.TempDir(), Args: map[string]string{"B": "given", "http_proxy": "p"},
		Source: []byte("FROM scratch\nENV A=1\nARG A=hidden\nARG B\nARG C=c\nUSER app\nWORKDIR /w\n" +
			"RUN one $A\nRUN [\"two\", \"$A\"]\nSHELL [\"/sh\", \"-x\"]\nRUN three\nRUN <<EOF\nfour\n  five\nEOF\nRUN cat <<X <<Y\nx\nX\ny\nY\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var args [][]string
	for _, s := range network.ran {
		args = append(args, s.Args)
		if want := []string{"B=given", "C=c", "http_proxy=p"}; !slices.Equal(s.Env, want) {
			t.Errorf("variables %v, want %v", s.Env, want)
		}
		config, err := s.Image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.Config.User != "app" || config.Config.WorkingDir != "/w" || !slices.Contains(config.Config.Env, "A=1") {
			t.Errorf("the image is %+v", config.Config)
		}
	}
	want := [][]string{
		{"/bin/sh", "-c", "one $A"},
		{"two", "$A"},
		{"/sh", "-x", "three"},
		{"/sh", "-x", "four\n  five\n"},
		{"/sh", "-x", "cat <<X <<Y\nx\nX\ny\nY"},
	}
	if diff := cmp.Diff(want, args); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

// TestRunRefused asks for what cannot be had, and wants docker's words.
func TestRunRefused(t *testing.T) {
	for name, test := range map[string]struct {
		run  string
		o    Options
		want string
	}{
		"no network": {"RUN x", Options{}, "RUN x: RUN needs a container: no containers can be run here; the other instructions work without"},
		"no network, and why": {
			"RUN x",
			Options{NoRun: "user namespaces are switched off: run it as root"},
			"RUN x: RUN needs a container: user namespaces are switched off: run it as root; the other instructions work without",
		},
		"exit code": {
			"RUN x y",
			Options{Run: &fakeNetwork{err: &executor.ExitError{Code: 3}}},
			"The command '/bin/sh -c x y' returned a non-zero code: 3",
		},
		"a bound": {
			"RUN x",
			Options{Run: &fakeNetwork{err: &executor.ExitError{Code: 137, Reason: "more than 1 GiB of memory"}}},
			"The command '/bin/sh -c x' returned a non-zero code: 137 (more than 1 GiB of memory)",
		},
		"no program": {
			`RUN ["/x"]`,
			Options{Run: &fakeNetwork{err: executor.ErrNotFound}},
			`failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/x": stat /x: no such file or directory: unknown`,
		},
		"no program by its name": {
			`RUN ["x"]`,
			Options{Run: &fakeNetwork{err: executor.ErrNotFound}},
			`failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "x": executable file not found in $PATH: unknown`,
		},
		"unavailable":       {"RUN x", Options{Run: &fakeNetwork{err: &executor.UnavailableError{Why: "w"}}}, "no container can be run here: w"},
		"host network":      {"RUN --network=host x", Options{Run: &fakeNetwork{}}, "RUN --network=host: granting entitlement network.host is not allowed"},
		"no network wanted": {"RUN --network=none x", Options{Run: &fakeNetwork{}}, "RUN --network=none x: RUN needs a container: no containers can be run here; the other instructions work without"},
		"insecure":          {"RUN --security=insecure x", Options{Run: &fakeNetwork{}}, "RUN --security=insecure: granting entitlement security.insecure is not allowed"},
		"ssh":               {"RUN --mount=type=ssh x", Options{Run: &fakeNetwork{}}, "RUN --mount=type=ssh is not available here"},
		"secret":            {"RUN --mount=type=secret,id=a,required x", Options{Run: &fakeNetwork{}}, "secret a: not found"},
		"no target":         {"RUN --mount=type=tmpfs x", Options{Run: &fakeNetwork{}}, `RUN --mount=type=tmpfs: invalid mount target ""`},
		"no context":        {"RUN --mount=target=/x x", Options{Run: &fakeNetwork{}}, "RUN --mount=type=bind: missing build context"},
	} {
		t.Run(name, func(t *testing.T) {
			test.o.Source = []byte("FROM scratch\n" + test.run)
			if err := buildFails(t, test.o); err.Error() != test.want {
				t.Errorf("%v\nwant\n%s", err, test.want)
			}
		})
	}
}

// TestRunAlone uses the other network for RUN --network=none.
func TestRunAlone(t *testing.T) {
	run, alone := &fakeNetwork{}, &fakeNetwork{}
	result, err := Build(t.Context(), Options{
		Run: run, RunAlone: alone, Scratch: t.TempDir(), Source: []byte("FROM scratch\nRUN a\nRUN --network=none b\nRUN --network=default c"),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close() //nolint:errcheck // the directory is the test's
	if len(run.ran) != 2 || len(alone.ran) != 1 {
		t.Errorf("%d and %d", len(run.ran), len(alone.ran))
	}
}

// TestRunMounts looks at what --mount shows, while RUN runs.
func TestRunMounts(t *testing.T) {
	seen := map[string]string{}
	network := &fakeNetwork{look: func(s executor.Spec) {
		for _, m := range s.Mounts {
			content, _ := os.ReadFile(m.From)
			info, err := os.Lstat(m.From)
			if err != nil {
				t.Error(err)
			}
			seen[m.To] = info.Mode().String() + " " + string(content)
		}
		seen["env"] = strings.Join(s.Env, " ")
	}}
	result, err := Build(t.Context(), Options{
		Run: network, Scratch: t.TempDir(), Secrets: map[string][]byte{"token": []byte("hush")},
		Context: contextOf(t, map[string]string{"a": "content", "d/b": ""}),
		Source: []byte("FROM scratch\nRUN --mount=source=a,target=/a --mount=source=d,target=d --mount=type=secret,id=token" +
			" --mount=type=secret,id=token,env=TOKEN --mount=type=secret,id=token,target=/t,mode=440 --mount=type=cache,target=/c,mode=700 <<EOF\n#!/x\ny\nEOF\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close() //nolint:errcheck // the directory is the test's
	want := map[string]string{
		"/a": "-rw-r--r-- content", "/d": "drwxr-xr-x ", "/run/secrets/token": "-r-------- hush", "/t": "-r--r----- hush",
		"/c": "drwx------ ", "/dev/pipes/EOF": "-rwxr-xr-x #!/x\ny\n", "env": "TOKEN=hush",
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestRunVolumes drops what a RUN changes in volumes, and nothing else.
func TestRunVolumes(t *testing.T) {
	dir := func(name string) *tar.Header {
		return &tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755}
	}
	file := func(name string) *tar.Header { return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644} }
	network := &fakeNetwork{changes: []*tar.Header{
		dir("var"), dir("var/lib"), dir("var/lib/data"), file("var/lib/data/x"), file("var/lib/.wh.gone"), file("var/.wh.v"), dir("var/lib/data2"), file("var/lib/data2/y"),
		dir("volume"), file("volume/.wh.z"),
	}}
	image, err := mutate.AppendLayers(empty.Image, layerOf(t, []byte(gunzipped(t, zipped(t, dir("var"), dir("var/lib"), dir("var/lib/data"), dir("volume"))))))
	if err == nil {
		image, err = mutate.Config(image, v1.Config{Volumes: map[string]struct{}{"/var/lib/data/": {}, "/volume": {}, "/var/v": {}, "/made/up": {}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	result, err := Build(t.Context(), Options{Run: network, Scratch: t.TempDir(), Pull: pullOne(image), Source: []byte("FROM base\nRUN x\nRUN y")})
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close() //nolint:errcheck // the directory is the test's
	layers, err := result.Image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"var/", "var/lib/", "var/lib/.wh.gone", "var/lib/data2/", "var/lib/data2/y", "made/", "made/up/", "var/v/"}
	if diff := cmp.Diff(want, namesIn(t, layers[1])); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func namesIn(t *testing.T, l v1.Layer) (names []string) {
	t.Helper()
	stream, err := l.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close() //nolint:errcheck // it is only read
	archive := tar.NewReader(stream)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}
