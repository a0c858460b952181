package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The bounds of git, beside those of what it brings.
const (
	gitTimeout  = 10 * time.Minute
	gitGrace    = 2 * time.Second
	maxGitWords = 4 << 10 // bytes of what it says
)

// gitConfig makes git do what it is told here and nothing else: no hook, filter, helper or prompt, no protocol but the one,
// and no redirection. A repository of this machine may be somebody else's.
const gitConfig = `[core]
	hooksPath = /dev/null
	fsmonitor = false
	bigFileThreshold = 1m
[protocol]
	allow = never
[protocol "%s"]
	allow = always
[http]
	followRedirects = false
[uploadpack]
	allowAnySHA1InWant = true
[tar]
	umask = 0022
[safe]
	directory = *
[gc]
	auto = 0
[maintenance]
	auto = false
[fetch]
	recurseSubmodules = false
`

// gitAttributes keep an archive whole: a repository may ask to leave files out of one, or to write into them.
const gitAttributes = "* -export-ignore -export-subst\n"

// repository fetches one commit of a repository and unpacks its files. They come as an archive, so that nothing is ever
// checked out: no .git is in the context. Submodules are not fetched.
func (f *Fetcher) repository(ctx context.Context, l Location, into *os.Root) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	g, err := f.openGit(ctx, l.URL)
	if err != nil {
		return Result{}, err
	}
	defer g.close()
	got, err := g.fetch(ctx, l.Ref)
	if err != nil {
		return Result{}, fmt.Errorf("unable to git clone %s: %w", l.URL.Redacted(), err)
	}
	if err := g.unpack(ctx, into, f.Limits); err != nil {
		return Result{}, fmt.Errorf("unable to git clone %s: %w", l.URL.Redacted(), err)
	}
	got.Dir = "."
	if l.Dir != "" {
		there, err := into.Stat(l.Dir)
		if err != nil || !there.IsDir() {
			return Result{}, fmt.Errorf("error setting git context, not a directory: %s", l.Dir)
		}
		got.Dir = l.Dir
	}
	return got, nil
}

// git is one repository while it is fetched.
type git struct {
	program string
	dir     string // holds the repository and the configuration
	remote  string
	bridge  *bridge
}

func (f *Fetcher) openGit(ctx context.Context, u *url.URL) (g *git, err error) {
	g = &git{program: f.Git}
	if g.program == "" {
		if g.program, err = exec.LookPath("git"); err != nil {
			return nil, errors.New("unable to find git: repositories are fetched by the program git, which is not on PATH; " +
				"install it, or give the context as a folder, an archive or an artifact")
		}
	}
	protocol := "http"
	if u.Scheme == "file" {
		protocol = "file"
		g.remote, err = f.localRepository(u)
	} else if g.bridge, err = f.openBridge(u); err == nil {
		g.remote = g.bridge.url
	}
	if err != nil {
		return nil, err
	}
	if err := g.prepare(ctx, f.Scratch, protocol); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

// localRepository checks that a repository is where there may be some.
func (f *Fetcher) localRepository(u *url.URL) (remote string, err error) {
	if u.Host != "" && u.Host != "localhost" {
		return "", fmt.Errorf("%s is outside this emulator", u.Redacted())
	}
	real, err := filepath.EvalSymlinks(filepath.FromSlash(u.Path))
	for _, dir := range f.Repositories {
		above, aboveErr := filepath.EvalSymlinks(dir)
		if err != nil || aboveErr != nil {
			continue
		}
		if below, err := filepath.Rel(above, real); err == nil && filepath.IsLocal(below) {
			return "file://" + filepath.ToSlash(real), nil
		}
	}
	return "", fmt.Errorf("there is no repository %s, or it is not below a directory that tasks may read", u.Redacted())
}

// prepare makes an empty repository and the configuration.
func (g *git) prepare(ctx context.Context, scratch, protocol string) (err error) {
	if g.dir, err = os.MkdirTemp(scratch, "git-"); err != nil {
		return err
	}
	if err := os.WriteFile(g.path("config"), fmt.Appendf(nil, gitConfig, protocol), 0o600); err != nil {
		return err
	}
	if err := g.run(ctx, nil, "init", "--quiet", "--bare", "--template=", g.path("repository")); err != nil {
		return err
	}
	if err := os.MkdirAll(g.path("repository", "info"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(g.path("repository", "info", "attributes"), []byte(gitAttributes), 0o600)
}

func (g *git) path(names ...string) string {
	return filepath.Join(append([]string{g.dir}, names...)...)
}

func (g *git) close() {
	if g.bridge != nil {
		g.bridge.close()
	}
	if g.dir != "" {
		_ = os.RemoveAll(g.dir)
	}
}

// command is git with nothing of this machine's environment but where programs are.
func (g *git) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, g.program, append([]string{"--git-dir=" + g.path("repository")}, args...)...) //nolint:gosec // fixed words, and checked names
	cmd.Dir = g.dir
	cmd.WaitDelay = gitGrace
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + g.dir, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + g.path("config"),
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=true", "GIT_PROTOCOL_FROM_USER=0", "GIT_ATTR_NOSYSTEM=1",
		"GIT_ALLOW_PROTOCOL=file:http", "GIT_NO_LAZY_FETCH=1", // whatever the configuration of a repository of this machine says
	}
	return cmd
}

// run runs git and gives its output to out.
func (g *git) run(ctx context.Context, out io.Writer, args ...string) error {
	cmd := g.command(ctx, args...)
	words := &excerpt{}
	cmd.Stdout, cmd.Stderr = out, words
	return g.explain(ctx, cmd.Run(), words)
}

// explain makes an error of what git said. The bridge's address means nothing to people.
func (g *git) explain(ctx context.Context, err error, words *excerpt) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if g.bridge != nil && g.bridge.failure() != nil {
		return g.bridge.failure()
	}
	said := strings.ReplaceAll(strings.TrimSpace(string(words.text)), g.remote, "the repository")
	return fmt.Errorf("git: %w: %s", err, said)
}

// fetch fetches a commit: by its branch or tag, or by itself.
func (g *git) fetch(ctx context.Context, ref string) (Result, error) {
	refs, err := g.list(ctx, ref)
	if err != nil {
		return Result{}, err
	}
	full, branch := refs.choose(ref)
	err = g.run(ctx, nil, "fetch", "--quiet", "--no-tags", "--depth=1", "--", g.remote, "+"+full+":refs/source")
	if err != nil && ctx.Err() == nil && full == ref {
		err = g.fetchAll(ctx, ref) // a commit that is abbreviated, or of a server that gives none by itself
	}
	if err != nil {
		return Result{}, err
	}
	var commit bytes.Buffer
	err = g.run(ctx, &commit, "rev-parse", "--verify", "--quiet", "refs/source^{commit}")
	return Result{Commit: strings.TrimSpace(commit.String()), Branch: branch}, err
}

// fetchAll fetches everything, and finds the commit in it.
func (g *git) fetchAll(ctx context.Context, ref string) error {
	if err := g.run(ctx, nil, "fetch", "--quiet", "--no-tags", "--", g.remote, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"); err != nil {
		return err
	}
	if err := g.run(ctx, nil, "update-ref", "refs/source", ref+"^{commit}"); err != nil {
		return fmt.Errorf("error checking out %s: %w", ref, err)
	}
	return nil
}

// unpack unpacks the files of the commit.
func (g *git) unpack(ctx context.Context, into *os.Root, l Limits) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := g.command(ctx, "archive", "--format=tar", "refs/source")
	words := &excerpt{}
	cmd.Stderr = words
	archive, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := Extract(ctx, archive, into, l); err != nil {
		cancel()
		_ = cmd.Wait()
		return err
	}
	_, _ = io.Copy(io.Discard, archive) // what pads the archive
	return g.explain(ctx, cmd.Wait(), words)
}

// refs are those of a repository that a name may mean.
type refs struct {
	head  string // the default branch
	names map[string]bool
}

// list asks the repository for its default branch and for what a name may mean.
func (g *git) list(ctx context.Context, ref string) (refs, error) {
	args := []string{"ls-remote", "--quiet", "--symref", "--", g.remote, "HEAD"}
	if ref != "" {
		args = append(args, "refs/heads/"+ref, "refs/tags/"+ref, "refs/"+ref, ref)
	}
	out := &excerpt{}
	if err := g.run(ctx, out, args...); err != nil {
		return refs{}, err
	}
	found := refs{names: map[string]bool{}}
	for line := range strings.Lines(string(out.text)) {
		value, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if target, symbolic := strings.CutPrefix(value, "ref: "); symbolic && name == "HEAD" {
			found.head = strings.TrimPrefix(target, "refs/heads/")
			continue
		}
		found.names[name] = true
	}
	return found, nil
}

// choose returns the full name of what is meant, and the branch. Without a branch it is HEAD, as git says.
func (r refs) choose(ref string) (full, branch string) {
	if ref == "" {
		if r.head == "" {
			return "HEAD", "HEAD"
		}
		return "HEAD", r.head
	}
	if r.names["refs/heads/"+ref] {
		return "refs/heads/" + ref, ref
	}
	for _, name := range []string{"refs/tags/" + ref, "refs/" + ref} {
		if r.names[name] {
			return name, "HEAD"
		}
	}
	if name, isBranch := strings.CutPrefix(ref, "refs/heads/"); isBranch && r.names[ref] {
		return ref, name
	}
	return ref, "HEAD"
}

// excerpt keeps the beginning of what is written; the rest is dropped.
type excerpt struct{ text []byte }

// Write keeps what there is room for.
func (t *excerpt) Write(p []byte) (int, error) {
	t.text = append(t.text, p[:min(len(p), maxGitWords-len(t.text))]...)
	return len(p), nil
}
