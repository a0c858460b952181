package builtin

import (
	"archive/tar"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func TestMain(m *testing.M) {
	if code, handled := Main(os.Args); handled {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// TestImages: what the built-in images are told to run.
func TestImages(t *testing.T) {
	images := NewImages("")
	for _, row := range []struct {
		repository string
		entrypoint string
		command    string
	}{
		{"mcr.microsoft.com/acr/acr-cli", "/usr/bin/acr", ""},
		{"mcr.microsoft.com/acr/bash", "docker-entrypoint.sh", "bash"},
		{"mcr.microsoft.com/acr/curl", "/usr/bin/curl", ""},
		{"mcr.microsoft.com/hello-world", "", "/hello"},
		{"docker.io/library/bash", "docker-entrypoint.sh", "bash"},
		{"docker.io/library/hello-world", "", "/hello"},
	} {
		image, err := images.Image(row.repository, nil)
		if err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		got := []string{strings.Join(config.Config.Entrypoint, " "), strings.Join(config.Config.Cmd, " ")}
		if diff := cmp.Diff([]string{row.entrypoint, row.command}, got); diff != "" {
			t.Errorf("%s:\n%s", row.repository, diff)
		}
		whole(t, image)
	}
	if image, err := images.Image("mcr.microsoft.com/acr/azure-cli", nil); image != nil || err != nil {
		t.Errorf("azure-cli is built in: %v, %v", image, err)
	}
}

// TestImageRuns unpacks a built-in image and runs its programs in a root of their own.
func TestImageRuns(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("chroot needs root")
	}
	root := unpack(t, "mcr.microsoft.com/acr/bash")
	for _, row := range []struct{ command, want string }{
		{"docker-entrypoint.sh echo hi", "hi\n"},
		{"docker-entrypoint.sh -c ls|head\t-2", "bin\netc\n"},
		{"bash -c sh\t-c\t'echo\ta\tb'", "a b\n"},
		{"curl --version", "curl 8.5.0 (acrlocal: a subset)\nProtocols: http https\n"},
		{"acr version", "Version: 0.19, Revision: acrlocal\n"},
		{"/hello", "\nHello from Docker!\nThis image is built into the emulator: nothing was downloaded.\n\n"},
		{"docker-entrypoint.sh nosuch", "exec: nosuch: command not found\n127"},
		{"env -i A=1 env", "A=1\n"},
	} {
		c := exec.Command("chroot", append([]string{root}, splitTabs(row.command)...)...)
		c.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
		out, err := c.CombinedOutput()
		got := string(out)
		if ended, ok := errors.AsType[*exec.ExitError](err); ok {
			got += string([]byte{byte('0' + ended.ExitCode()/100%10), byte('0' + ended.ExitCode()/10%10), byte('0' + ended.ExitCode()%10)})
		}
		if got != row.want {
			t.Errorf("%s: %q (%v), want %q", row.command, got, err, row.want)
		}
	}
}

// splitTabs splits at spaces; a tab stands for a space within a word.
func splitTabs(s string) []string {
	words := strings.Split(s, " ")
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], "\t", " ")
	}
	return words
}

// whole fails the test unless every blob of an image has its digest and size. (The validation of go-containerregistry takes
// every layer for compressed.)
func whole(t *testing.T, image v1.Image) {
	t.Helper()
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if got, _, _ := v1.SHA256(strings.NewReader(string(config))); got != manifest.Config.Digest {
		t.Errorf("the configuration is %s, and not %s", got, manifest.Config.Digest)
	}
	for i, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		got, size, err := v1.SHA256(r)
		r.Close()
		if want := manifest.Layers[i]; err != nil || got != want.Digest || size != want.Size {
			t.Errorf("layer %d is %s of %d bytes (%v), and not %s of %d", i, got, size, err, want.Digest, want.Size)
		}
	}
}

func unpack(t *testing.T, repository string) string {
	t.Helper()
	image, err := NewImages("").Image(repository, nil)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	root := t.TempDir()
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return root
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.Mkdir(path, os.FileMode(h.Mode))
		case tar.TypeSymlink:
			err = os.Symlink(h.Linkname, path)
		default:
			var data []byte
			if data, err = io.ReadAll(archive); err == nil {
				err = os.WriteFile(path, data, os.FileMode(h.Mode))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestServe pulls the built-in images as a client does.
func TestServe(t *testing.T) {
	server := httptest.NewServer(Mirrors{Images: NewImages("")}.Handler("mcr.microsoft.com"))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	for _, repository := range []string{"acr/bash:1", "acr/curl:latest", "acr/acr-cli:0.17"} {
		ref, err := name.ParseReference(host+"/"+repository, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		image, err := remote.Image(ref)
		if err != nil {
			t.Fatal(err)
		}
		whole(t, image)
	}
	for _, row := range []struct{ path, want string }{
		{"acr/azure-cli:1", "MANIFEST_UNKNOWN: mcr.microsoft.com/acr/azure-cli:1 is outside this emulator: give it with --mirror mcr.microsoft.com=oci:DIR, or push it to one of its registries"},
		{"acr/bash@sha256:" + strings.Repeat("0", 64), "MANIFEST_UNKNOWN"},
	} {
		ref, err := name.ParseReference(host+"/"+row.path, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = remote.Image(ref); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.path, err, row.want)
		}
	}
}

var _ v1.Layer = (*layer)(nil)
