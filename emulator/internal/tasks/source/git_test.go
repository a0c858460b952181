package source

import (
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository makes one with git, or skips the test where there is no git. It returns its directory and its first commit.
func repository(t *testing.T) (dir, first string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git on PATH")
	}
	dir = filepath.Join(t.TempDir(), "app.git")
	gitIn(t, "", "init", "--quiet", "--initial-branch=main", dir)
	write := func(name, content string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	commit := func() string {
		gitIn(t, dir, "add", "-A")
		gitIn(t, dir, "commit", "--quiet", "--message=a commit")
		return strings.TrimSpace(gitIn(t, dir, "rev-parse", "HEAD"))
	}
	write("Dockerfile", "FROM scratch")
	first = commit()
	gitIn(t, dir, "tag", "v1")
	write("sub/file", "$Format:%H$")
	write("hidden", "kept")
	write(".gitattributes", "hidden export-ignore\nsub/file export-subst\n")
	commit()
	gitIn(t, dir, "checkout", "--quiet", "-b", "feature/x")
	write("feature", "x")
	commit()
	gitIn(t, dir, "update-ref", "refs/pull/7/head", "HEAD")
	gitIn(t, dir, "checkout", "--quiet", "main")
	return dir, first
}

func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=ada", "GIT_COMMITTER_EMAIL=ada@example.com")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %q: %v %s", args, err, out)
	}
	return string(out)
}

// gitServer serves a directory of repositories as git itself does. The password is ada's.
func gitServer(t *testing.T, dir string) *httptest.Server {
	t.Helper()
	program, err := exec.LookPath("git")
	if err != nil {
		t.Skip("there is no git on PATH")
	}
	backend := &cgi.Handler{Path: program, Stderr: io.Discard, Args: []string{"http-backend"}, Env: []string{
		"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/private") {
			if _, password, _ := r.BasicAuth(); password != "secret" {
				w.Header().Set("WWW-Authenticate", "Basic")
				http.Error(w, "who is there?", http.StatusUnauthorized)
				return
			}
			http.StripPrefix("/private", backend).ServeHTTP(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/moved") {
			http.Redirect(w, r, "http://192.0.2.1/app.git", http.StatusMovedPermanently)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

const (
	mainFiles    = "-rw-r--r-- .gitattributes hidden export-ignore\nsub/file export-subst\n\n-rw-r--r-- Dockerfile FROM scratch\n-rw-r--r-- hidden kept\ndrwxr-xr-x sub\n-rw-r--r-- sub/file $Format:%H$\n"
	featureFiles = "-rw-r--r-- .gitattributes hidden export-ignore\nsub/file export-subst\n\n-rw-r--r-- Dockerfile FROM scratch\n-rw-r--r-- feature x\n-rw-r--r-- hidden kept\ndrwxr-xr-x sub\n-rw-r--r-- sub/file $Format:%H$\n"
	firstFiles   = "-rw-r--r-- Dockerfile FROM scratch\n"
)

// TestGit fetches branches, tags and commits, from this machine and by http.
func TestGit(t *testing.T) {
	dir, first := repository(t)
	mainCommit := strings.TrimSpace(gitIn(t, dir, "rev-parse", "main"))
	feature := strings.TrimSpace(gitIn(t, dir, "rev-parse", "feature/x"))
	server := gitServer(t, filepath.Dir(dir))
	f := &Fetcher{Transport: loopback, Repositories: []string{filepath.Dir(dir)}, Scratch: t.TempDir()}
	for fragment, want := range map[string]struct {
		commit, branch, dir, files string
	}{
		"":               {mainCommit, "main", ".", mainFiles},
		"#main":          {mainCommit, "main", ".", mainFiles},
		"#main:sub":      {mainCommit, "main", "sub", mainFiles},
		"#:sub":          {mainCommit, "main", "sub", mainFiles},
		"#feature/x":     {feature, "feature/x", ".", featureFiles},
		"#v1":            {first, "HEAD", ".", firstFiles},
		"#pull/7/head":   {feature, "HEAD", ".", featureFiles},
		"#" + first:      {first, "HEAD", ".", firstFiles},
		"#" + first[:10]: {first, "HEAD", ".", firstFiles},
		"#refs/tags/v1":  {first, "HEAD", ".", firstFiles},
	} {
		remotes := []string{"file://" + dir, server.URL + "/app.git"}
		if fragment == "" {
			remotes = append(remotes, "http://secret@"+server.Listener.Addr().String()+"/private/app.git")
		}
		for _, remote := range remotes {
			result, files, err := fetch(t, f, remote+fragment)
			if err != nil || result != (Result{want.dir, want.commit, want.branch}) || files != want.files {
				t.Errorf("%s%s: %+v, %v\n%s", remote, fragment, result, err, files)
			}
		}
	}
	if left, err := os.ReadDir(f.Scratch); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// TestGitRefuses tries repositories and refs that there are not, or that nobody may read.
func TestGitRefuses(t *testing.T) {
	dir, _ := repository(t)
	server := gitServer(t, filepath.Dir(dir))
	elsewhere := t.TempDir()
	if err := os.Symlink(filepath.Dir(dir), filepath.Join(elsewhere, "link")); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		f             *Fetcher
		context, want string
	}{
		"no such branch":          {&Fetcher{Transport: loopback}, server.URL + "/app.git#nowhere", "error checking out nowhere"},
		"no such directory":       {&Fetcher{Transport: loopback}, server.URL + "/app.git#main:nowhere", "error setting git context, not a directory: nowhere"},
		"a file as directory":     {&Fetcher{Transport: loopback}, server.URL + "/app.git#main:Dockerfile", "not a directory: Dockerfile"},
		"no such repository":      {&Fetcher{Transport: loopback}, server.URL + "/nothing.git", "not found"},
		"no password":             {&Fetcher{Transport: loopback}, server.URL + "/private/app.git", "Authentication failed"},
		"moved outside":           {&Fetcher{Transport: loopback}, server.URL + "/moved/app.git", "unable to git clone"},
		"outside":                 {&Fetcher{Transport: loopback}, "https://github.com/ada/app.git", "github.com is outside this emulator"},
		"no directory is allowed": {&Fetcher{}, "file://" + dir, "not below a directory that tasks may read"},
		"another directory":       {&Fetcher{Repositories: []string{elsewhere}}, "file://" + dir, "not below a directory that tasks may read"},
		"by a link":               {&Fetcher{Repositories: []string{elsewhere}}, "file://" + elsewhere + "/link/app.git", "not below a directory that tasks may read"},
		"another machine":         {&Fetcher{Repositories: []string{"/"}}, "file://server/share", "outside this emulator"},
		"no git":                  {&Fetcher{Transport: loopback, Git: "/nowhere/git"}, server.URL + "/app.git", "no such file"},
		"large":                   {&Fetcher{Transport: loopback, Limits: Limits{Entries: 1}}, server.URL + "/app.git", "too large"},
		"large to fetch":          {&Fetcher{Transport: loopback, Limits: Limits{Bytes: 600}}, server.URL + "/app.git", "too large"},
		"an archive's bytes":      {&Fetcher{Repositories: []string{filepath.Dir(dir)}, Limits: Limits{Bytes: 20}}, "file://" + dir, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := fetch(t, row.f, row.context)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

// TestGitHostile fetches a repository that tries to run something, and finds that nothing ran.
func TestGitHostile(t *testing.T) {
	dir, _ := repository(t)
	ran := filepath.Join(t.TempDir(), "ran")
	script := "#!/bin/sh\ntouch " + ran + "\n"
	for _, hook := range []string{"post-checkout", "pre-receive", "post-update", "reference-transaction"} {
		if err := os.WriteFile(filepath.Join(dir, ".git", "hooks", hook), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	tool := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(tool, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"core.fsmonitor", "uploadpack.packObjectsHook", "filter.evil.smudge", "core.sshCommand", "core.gitProxy", "tar.tar.gz.command"} {
		gitIn(t, dir, "config", key, tool)
	}
	t.Setenv("GIT_SSH_COMMAND", tool)
	t.Setenv("GIT_EXTERNAL_DIFF", tool)
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "core.fsmonitor")
	t.Setenv("GIT_CONFIG_VALUE_0", tool)
	f := &Fetcher{Repositories: []string{filepath.Dir(dir)}}
	if _, files, err := fetch(t, f, "file://"+dir); err != nil || files != mainFiles {
		t.Errorf("%v\n%s", err, files)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("something of the repository ran")
	}
}

// TestGitPromised fetches a repository of this machine that has not all it should, and says that a program brings the rest. (A git
// without the patch for CVE-2024-32004 runs it, unless it is told not to.)
func TestGitPromised(t *testing.T) {
	dir, _ := repository(t)
	ran := filepath.Join(t.TempDir(), "ran")
	for key, value := range map[string]string{
		"extensions.partialClone": "evil", "remote.evil.promisor": "true", "remote.evil.url": "ext::touch " + ran, "protocol.ext.allow": "always",
	} {
		gitIn(t, dir, "config", key, value)
	}
	blob := strings.TrimSpace(gitIn(t, dir, "rev-parse", "HEAD:Dockerfile"))
	if err := os.Remove(filepath.Join(dir, ".git", "objects", blob[:2], blob[2:])); err != nil {
		t.Fatal(err)
	}
	f := &Fetcher{Repositories: []string{filepath.Dir(dir)}}
	if _, _, err := fetch(t, f, "file://"+dir); err == nil {
		t.Error("it is whole")
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("the program ran")
	}
}
