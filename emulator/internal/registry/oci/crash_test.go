package oci_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/registry/oci"
	"github.com/acrlocal/acrlocal/emulator/internal/store/sqlite"
)

const victim = "OCI_TEST_SERVE"

// TestMain turns the test binary into a registry on a folder if the environment says so.
func TestMain(m *testing.M) {
	if dir := os.Getenv(victim); dir != "" {
		fmt.Fprintln(os.Stderr, serve(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func serve(dir string) error {
	s, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(dir, "state.db")})
	if err != nil {
		return err
	}
	g, err := oci.New(context.Background(), oci.Options{Registry: "web", Content: s.Content("web"), BlobDir: dir, Secret: "kept"})
	if err != nil {
		return err
	}
	server := httptest.NewServer(g)
	fmt.Println(server.URL)
	_, err = io.Copy(io.Discard, os.Stdin) // until the parent ends, if it does not kill
	return err
}

// TestCrash kills a registry with SIGKILL while eight clients push, three times on one folder. Afterwards every acknowledged
// push is there, bit for bit, and nothing that is listed lacks a part.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	dir := t.TempDir()
	acknowledged := map[string]string{} // tag: layer
	for round := range 3 {
		crash(t, dir, round, acknowledged)
	}
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "state.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	storage := oci.NewStorage(0)
	g, err := oci.New(t.Context(), oci.Options{Registry: "web", Content: s.Content("web"), BlobDir: dir, Secret: "kept", Storage: storage})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for tag, layer := range acknowledged {
		if got := want(t, g, 200, "GET /v2/app/manifests/"+tag, "").Body.String(); got != image(layer, nil) {
			t.Fatalf("%s came back as %s", tag, got)
		}
	}
	listed := whole(t, g)
	t.Logf("%d pushes acknowledged, %d listed", len(acknowledged), listed)
	if err := g.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	whole(t, g)
	if held := bytesUnder(t, filepath.Join(dir, "web")); held > storage.Used() {
		t.Errorf("%d bytes of files after the sweep, %d are counted", held, storage.Used())
	}
}

// whole pulls every tag with all its blobs, and returns how many there are.
func whole(t *testing.T, g http.Handler) int {
	t.Helper()
	var list struct{ Tags []string }
	if err := json.Unmarshal(want(t, g, 200, "GET /v2/app/tags/list", "").Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	for _, tag := range list.Tags {
		var m struct{ Layers []struct{ Digest string } }
		if err := json.Unmarshal(want(t, g, 200, "GET /v2/app/manifests/"+tag, "").Body.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		for _, layer := range m.Layers {
			if got := want(t, g, 200, "GET /v2/app/blobs/"+layer.Digest, "").Body.String(); sha(got) != layer.Digest {
				t.Fatalf("%s: the layer came back as %d other bytes", tag, len(got))
			}
		}
	}
	return len(list.Tags)
}

func bytesUnder(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		n += info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// crash starts a registry, pushes to it and kills it after the 40th acknowledgement.
func crash(t *testing.T, dir string, round int, acknowledged map[string]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), victim+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	acks := make(chan [2]string)
	var clients sync.WaitGroup
	for client := range 8 {
		clients.Go(func() {
			for i := 0; ; i++ {
				tag := fmt.Sprintf("r%d-c%d-%d", round, client, i)
				layer := strings.Repeat(tag, 3000)
				if pushOver(strings.TrimSpace(url), tag, layer) != nil {
					return
				}
				acks <- [2]string{tag, layer}
			}
		})
	}
	go func() { clients.Wait(); close(acks) }()
	for n := 1; ; n++ {
		ack, open := <-acks
		if !open {
			break
		}
		acknowledged[ack[0]] = ack[1]
		if n == 40 {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait()
}

// pushOver pushes an image over the network and returns nil if every step was acknowledged.
func pushOver(url, tag, layer string) error {
	for _, content := range []string{"{}", layer} {
		response, err := send("POST", url+"/v2/app/blobs/uploads/", "", "")
		if err != nil {
			return err
		}
		if _, err := send("PUT", url+response.Header.Get("Location")+"&digest="+sha(content), content, ""); err != nil {
			return err
		}
	}
	_, err := send("PUT", url+"/v2/app/manifests/"+tag, image(layer, nil), imageType)
	return err
}

func send(method, url, body, contentType string) (*http.Response, error) {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close()
	if response.StatusCode >= 300 {
		return nil, fmt.Errorf("%s %s: %s", method, url, response.Status)
	}
	return response, nil
}
