package builtin

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const refName = "org.opencontainers.image.ref.name"

// layoutOf makes a layout with one image of its own for each name, and returns their digests.
func layoutOf(t *testing.T, dir string, names ...string) map[string]v1.Hash {
	t.Helper()
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string]v1.Hash{}
	for _, one := range names {
		image, err := random.Image(64, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.AppendImage(image, layout.WithAnnotations(map[string]string{refName: one})); err != nil {
			t.Fatal(err)
		}
		if digests[one], err = image.Digest(); err != nil {
			t.Fatal(err)
		}
	}
	return digests
}

// TestResolve: where an image is looked for, in which order, and what is said when it is nowhere.
func TestResolve(t *testing.T) {
	dir := t.TempDir()
	hub := filepath.Join(dir, "hub")
	digests := layoutOf(t, hub, "docker.io/library/debian:12", "alpine:3", "library/busybox:1", "me/app:v1", "acr/bash:mine")
	for of, digest := range layoutOf(t, filepath.Join(dir, "tree", "dotnet", "sdk"), "8.0") {
		digests["tree "+of] = digest
	}
	if err := os.WriteFile(filepath.Join(dir, "not-a-layout"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var pulled []string
	m := Mirrors{
		Images: NewImages(""),
		Mirrors: mirrorsOf(t, "docker.io=oci:"+hub, "mcr.microsoft.com=oci:"+filepath.Join(dir, "tree"), "quay.io=playground.azurecr.io/q",
			"quay.io/special=oci:"+hub, "empty.example=oci:"+filepath.Join(dir, "none"), "bash.example=oci:"+hub),
	}.With(func(_ context.Context, reference string, _ *v1.Platform) (v1.Image, error) {
		pulled = append(pulled, reference)
		return empty.Image, nil
	})
	for _, row := range []struct{ reference, want string }{
		{"debian:12", "docker.io/library/debian:12"},
		{"docker.io/debian:12", "docker.io/library/debian:12"},
		{"alpine:3", "alpine:3"},
		{"index.docker.io/library/busybox:1", "library/busybox:1"},
		{"me/app:v1", "me/app:v1"},
		{"debian@" + digests["docker.io/library/debian:12"].String(), "docker.io/library/debian:12"},
		{"quay.io/special/me/app:v1", "me/app:v1"},
		{"mcr.microsoft.com/dotnet/sdk:8.0", "tree 8.0"},
	} {
		image, err := m.Resolve(t.Context(), row.reference, nil)
		if err != nil {
			t.Errorf("%s: %v", row.reference, err)
			continue
		}
		if got, err := image.Digest(); err != nil || got != digests[row.want] {
			t.Errorf("%s is %s (%v), and not %s", row.reference, got, err, row.want)
		}
	}
	for _, row := range []struct{ reference, want string }{
		{"debian", "docker.io/library/debian:latest is not in the mirror docker.io=oci:" + hub + ": add it there, as skopeo copy docker://NAME oci:DIR:NAME does, or push it to one of this emulator's registries"},
		{"mcr.microsoft.com/acr/azure-cli:1", "mcr.microsoft.com/acr/azure-cli:1 is not in the mirror mcr.microsoft.com=oci:" + filepath.Join(dir, "tree") + ": add it there, as skopeo copy docker://NAME oci:DIR:NAME does, or push it to one of this emulator's registries"},
		{"ghcr.io/a/b:1", "ghcr.io/a/b:1 is outside this emulator: give it with --mirror ghcr.io=oci:DIR, or push it to one of its registries"},
		{"empty.example/a:1", "empty.example/a:1 is not in the mirror empty.example=oci:" + filepath.Join(dir, "none") + ": add it there, as skopeo copy docker://NAME oci:DIR:NAME does, or push it to one of this emulator's registries"},
		{"Debian", `"Debian" is no reference to an image: invalid reference format: repository name (library/Debian) must be lowercase`},
		{"debian@sha256:" + strings.Repeat("0", 64), "docker.io/library/debian@sha256:" + strings.Repeat("0", 64) + " is not in the mirror docker.io=oci:" + hub + ": add it there, as skopeo copy docker://NAME oci:DIR:NAME does, or push it to one of this emulator's registries"},
	} {
		image, err := m.Resolve(t.Context(), row.reference, nil)
		if image != nil || err == nil || err.Error() != row.want {
			t.Errorf("%s: %v\nwant %s", row.reference, err, row.want)
		}
	}
	for _, reference := range []string{"mcr.microsoft.com/acr/bash:1", "hello-world", "mcr.microsoft.com/acr/curl@sha256:" + strings.Repeat("0", 64)} {
		if _, err := m.Resolve(t.Context(), reference, nil); err != nil {
			t.Errorf("%s is not built in: %v", reference, err)
		}
	}
	if _, err := m.Resolve(t.Context(), "quay.io/a/b:1", nil); err != nil || len(pulled) != 1 || pulled[0] != "playground.azurecr.io/q/a/b:1" {
		t.Errorf("pulled %v, %v", pulled, err)
	}
}

// TestOutside: without any mirror the line says what to do, and a mirror that is a registry is not there for nobody.
func TestOutside(t *testing.T) {
	want := "docker.io/library/debian:12 is outside this emulator: give it with --mirror docker.io=oci:DIR, or push it to one of its registries"
	_, err := Mirrors{}.Resolve(t.Context(), "debian:12", nil)
	outside, ok := errors.AsType[*OutsideError](err)
	if !ok || err.Error() != want || outside.Host != "docker.io" {
		t.Error(err)
	}
	want = "mcr.microsoft.com/acr/bash:1 is built in where Options.Executable names a program that calls emulator.Main first, which this emulator was started without"
	if _, err := (Mirrors{}).Resolve(t.Context(), "mcr.microsoft.com/acr/bash:1", nil); err == nil || err.Error() != want {
		t.Error(err)
	}
	refused := errors.New("denied")
	m := Mirrors{Mirrors: mirrorsOf(t, "mcr.microsoft.com=playground.azurecr.io"), Images: NewImages("")}
	if _, err := m.Resolve(t.Context(), "mcr.microsoft.com/dotnet/sdk:8.0", nil); err == nil {
		t.Error("a registry was asked as nobody")
	}
	m = m.With(func(context.Context, string, *v1.Platform) (v1.Image, error) { return nil, refused })
	if _, err := m.Resolve(t.Context(), "mcr.microsoft.com/acr/bash:1", nil); !errors.Is(err, refused) {
		t.Error("what the gate refuses is replaced by what is built in:", err)
	}
}

// TestPlatforms: of an index the image for the platform counts, at any reasonable depth.
func TestPlatforms(t *testing.T) {
	dir := t.TempDir()
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string]string{}
	var index v1.ImageIndex = empty.Index
	for _, architecture := range []string{"amd64", "arm64"} {
		image, err := random.Image(64, 1)
		if err != nil {
			t.Fatal(err)
		}
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests[architecture] = digest.String()
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}}})
	}
	deep := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: index})
	for tag, one := range map[string]v1.ImageIndex{"1": index, "2": deep} {
		if err := l.AppendIndex(one, layout.WithAnnotations(map[string]string{refName: "app:" + tag})); err != nil {
			t.Fatal(err)
		}
	}
	m := Mirrors{Mirrors: mirrorsOf(t, "x.example=oci:"+dir)}
	for _, tag := range []string{"1", "2"} {
		for architecture, want := range digests {
			image, err := m.Resolve(t.Context(), "x.example/app:"+tag, &v1.Platform{OS: "linux", Architecture: architecture})
			if err != nil {
				t.Error(err)
				continue
			}
			if got, _ := image.Digest(); got.String() != want {
				t.Errorf("%s of %s is %s, and not %s", architecture, tag, got, want)
			}
		}
	}
	_, err = m.Resolve(t.Context(), "x.example/app:1", &v1.Platform{OS: "linux", Architecture: "s390x"})
	if err == nil || err.Error() != fmt.Sprintf("x.example/app:1 in oci:%s is not for linux/s390x", dir) {
		t.Error(err)
	}
	_, err = NewImages("").Image("mcr.microsoft.com/acr/bash", &v1.Platform{OS: "linux", Architecture: "s390x"})
	if err == nil || !strings.Contains(err.Error(), "and not for linux/s390x") {
		t.Error(err)
	}
	server := httptest.NewServer(m.Handler("x.example"))
	defer server.Close()
	ref, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://")+"/app:1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(ref, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: "arm64"}))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := image.Digest(); got.String() != digests["arm64"] {
		t.Errorf("served %s, and not %s", got, digests["arm64"])
	}
	if _, err := image.RawConfigFile(); err != nil {
		t.Error(err)
	}
}

// TestExecutables: what no image can be made of is said when one is asked for.
func TestExecutables(t *testing.T) {
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := NewImages(file).Image("mcr.microsoft.com/acr/bash", nil); err == nil || !strings.Contains(err.Error(), "is no executable for Linux") {
		t.Error(err)
	}
	if _, err := NewImages(file+"x").Image("mcr.microsoft.com/acr/bash", nil); err == nil {
		t.Error("an executable that is not there is taken")
	}
	own, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skip("no /proc here:", err)
	}
	if err := os.WriteFile(file, own, 0o755); err != nil {
		t.Fatal(err)
	}
	image, err := NewImages(file).Image("mcr.microsoft.com/acr/bash", nil)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := layers[0].Digest(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, own[:len(own)-1], 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := layers[0].Uncompressed(); !errors.Is(err, errChanged) {
		t.Error("a layer is made of another executable:", err)
	}
}

// TestCalled: by which names the executable is a program, and by which it is itself.
func TestCalled(t *testing.T) {
	for _, row := range []struct {
		args string
		want bool
	}{
		{"acr purge", true},
		{"/bin/bash -c x", true},
		{"sh", true},
		{"/usr/bin/curl", true},
		{"docker-entrypoint.sh", true},
		{"ls", true},
		{"acrlocal up", false},
		{"acrlocal __builtin acr version", true},
		{"acrlocal __builtin", false},
		{"acrlocal __builtin nosuch", false},
		{"", false},
		{filepath.Base(os.Args[0]), false},
	} {
		if run, _ := called(strings.Fields(row.args)); (run != nil) != row.want {
			t.Errorf("%q calls a program: %v", row.args, run != nil)
		}
	}
}

func mirrorsOf(t *testing.T, texts ...string) []Mirror {
	t.Helper()
	var all []Mirror
	for _, text := range texts {
		m, err := ParseMirror(text)
		if err != nil {
			t.Fatal(err)
		}
		if m.String() != text {
			t.Errorf("%q is written %q", text, m)
		}
		all = append(all, m)
	}
	return all
}

// TestMirrorsAreChecked: what --mirror refuses.
func TestMirrorsAreChecked(t *testing.T) {
	for _, text := range []string{"", "docker.io", "=oci:x", "docker.io=", "docker.io=oci:", "Docker.IO=oci:x", "a b=oci:x", "debian=oci:x", "docker.io=a@b", "docker.io=https://x", "docker.io:tag=oci:x"} {
		if m, err := ParseMirror(text); err == nil {
			t.Errorf("%q is taken for %+v", text, m)
		}
	}
}

// FuzzResolve: whatever the reference, an image is found or it is said that there is none.
func FuzzResolve(f *testing.F) {
	for _, seed := range []string{"debian", "a/b:c@sha256:x", "docker.io/../x", "x.example/..", "hello-world"} {
		f.Add(seed)
	}
	m := Mirrors{Mirrors: []Mirror{{Of: "docker.io", Layout: f.TempDir()}, {Of: "x.example/y", Registry: "r.azurecr.io"}}, Images: NewImages("")}
	f.Fuzz(func(t *testing.T, reference string) {
		image, err := m.Resolve(t.Context(), reference, nil)
		if (image == nil) == (err == nil) {
			t.Errorf("%q: %v, %v", reference, image, err)
		}
	})
}
