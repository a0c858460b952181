package trigger

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"
)

func schedule(t *testing.T, text string) Schedule {
	t.Helper()
	s, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDue finds the timers that come first, in UTC wherever the machine is.
func TestDue(t *testing.T) {
	tokyo := time.FixedZone("Tokyo", 9*60*60)
	at := time.Date(2024, 3, 10, 20, 59, 30, 0, time.UTC) // a Sunday
	for name, row := range map[string]struct {
		after     time.Time
		schedules []string
		want      string
		due       int
	}{
		"the first":            {at, []string{"30 21 * * *", "0 21 * * *", "0 22 * * *"}, "2024-03-10T21:00:00Z", 1},
		"two at once":          {at, []string{"0 21 * * *", "0 * * * *"}, "2024-03-10T21:00:00Z", 2},
		"in UTC":               {at.In(tokyo), []string{"0 21 * * *"}, "2024-03-10T21:00:00Z", 1},
		"after, not at":        {at.Add(30 * time.Second), []string{"0 21 * * *"}, "2024-03-11T21:00:00Z", 1},
		"on working days":      {at, []string{"0 21 * * Mon-Fri"}, "2024-03-11T21:00:00Z", 1},
		"a leap day":           {at, []string{"0 0 29 2 *"}, "2028-02-29T00:00:00Z", 1},
		"never":                {at, []string{"0 0 30 2 *"}, "0001-01-01T00:00:00Z", 0},
		"never, and sometimes": {at, []string{"0 0 30 2 *", "*/15 * * * *"}, "2024-03-10T21:00:00Z", 1},
		"none":                 {at, nil, "0001-01-01T00:00:00Z", 0},
	} {
		var timers []Timer
		for _, text := range row.schedules {
			timers = append(timers, Timer{Name: text, Schedule: schedule(t, text)})
		}
		got, due := Due(timers, row.after)
		if got.Format(time.RFC3339) != row.want || len(due) != row.due {
			t.Errorf("%s: %v with %d timers, want %s with %d", name, got, len(due), row.want, row.due)
		}
	}
}

// TestUpdated finds what a push concerns, and what it does not.
func TestUpdated(t *testing.T) {
	base := Image{Registry: "contoso.azurecr.io", Repository: "base", Tag: "v1", Digest: "sha256:old"}
	runtime := Dependency{Image: base, Runtime: true}
	buildtime := Dependency{Image: base}
	with := func(change func(i *Image)) Image {
		i := base
		i.Digest = "sha256:new"
		change(&i)
		return i
	}
	pushed := with(func(*Image) {})
	for name, row := range map[string]struct {
		kind   string
		pushed Image
		of     Dependency
		want   bool
	}{
		"another manifest":               {Runtime, pushed, runtime, true},
		"the host in other letters":      {Runtime, with(func(i *Image) { i.Registry = "Contoso.azurecr.io" }), runtime, true},
		"of the build, for Runtime":      {Runtime, pushed, buildtime, false},
		"of the build, for All":          {All, pushed, buildtime, true},
		"of the image, for All":          {All, pushed, runtime, true},
		"the kind in other letters":      {"runtime", pushed, runtime, true},
		"no kind":                        {"", pushed, runtime, false},
		"the same manifest":              {All, base, runtime, false},
		"another tag":                    {All, with(func(i *Image) { i.Tag = "v2" }), runtime, false},
		"a tag in other letters":         {All, with(func(i *Image) { i.Tag = "V1" }), runtime, false},
		"another repository":             {All, with(func(i *Image) { i.Repository = "base/other" }), runtime, false},
		"another registry":               {All, with(func(i *Image) { i.Registry = "contoso2.azurecr.io" }), runtime, false},
		"no tag was pushed":              {All, with(func(i *Image) { i.Tag = "" }), Dependency{Image: with(func(i *Image) { i.Tag, i.Digest = "", "sha256:old" }), Runtime: true}, false},
		"nothing is known of the push":   {All, with(func(i *Image) { i.Digest = "" }), runtime, false},
		"the hub, by another name":       {All, with(func(i *Image) { i.Registry = "docker.io" }), Dependency{Image: with(func(i *Image) { i.Registry, i.Digest = "index.docker.io", "sha256:old" })}, true},
		"the hub is no registry of ours": {All, with(func(i *Image) { i.Registry = "docker.io" }), runtime, false},
	} {
		if got := len(Updated(row.kind, row.pushed, []Dependency{row.of})) > 0; got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestFires sets off source triggers, and leaves alone those that wait for something else.
func TestFires(t *testing.T) {
	event := Event{Kind: Commit, Repository: "https://github.com/Ada/app.git", Branch: "main", Provider: GitHub, CommitID: "ab"}
	source := Source{Events: []string{"commit"}, Repository: "https://github.com/ada/app.git#main:sub", Branch: "main", Provider: "GitHub"}
	for name, row := range map[string]struct {
		change func(s *Source, e *Event)
		want   bool
	}{
		"what it waits for":            {func(*Source, *Event) {}, true},
		"without .git":                 {func(s *Source, _ *Event) { s.Repository = "https://github.com/ada/app" }, true},
		"with a token":                 {func(s *Source, _ *Event) { s.Repository = "https://token@github.com/ada/app.git" }, true},
		"by http":                      {func(s *Source, _ *Event) { s.Repository = "http://github.com/ada/app/" }, true},
		"of this machine":              {func(s *Source, e *Event) { s.Repository, e.Repository = "file:///srv/app.git#main", "file:///srv/app" }, true},
		"any provider":                 {func(s *Source, _ *Event) { s.Provider = "" }, true},
		"both kinds":                   {func(s *Source, _ *Event) { s.Events = []string{"pullrequest", "Commit"} }, true},
		"the branch that az means":     {func(s *Source, e *Event) { s.Branch, e.Branch = "", "master" }, true},
		"another branch":               {func(_ *Source, e *Event) { e.Branch = "other" }, false},
		"a branch in other letters":    {func(_ *Source, e *Event) { e.Branch = "Main" }, false},
		"no branch is not any":         {func(s *Source, _ *Event) { s.Branch = "" }, false},
		"another repository":           {func(_ *Source, e *Event) { e.Repository = "https://github.com/ada/app2.git" }, false},
		"another host":                 {func(_ *Source, e *Event) { e.Repository = "https://github.com.example/ada/app.git" }, false},
		"another kind":                 {func(_ *Source, e *Event) { e.Kind = PullRequest }, false},
		"no kinds":                     {func(s *Source, _ *Event) { s.Events = nil }, false},
		"another provider":             {func(_ *Source, e *Event) { e.Provider = AzureDevOps }, false},
		"neither names a repository":   {func(s *Source, e *Event) { s.Repository, e.Repository = "", "" }, false},
		"a file of this machine's own": {func(s *Source, e *Event) { s.Repository, e.Repository = "file:///srv/App", "file:///srv/app" }, false},
	} {
		s, e := source, event
		row.change(&s, &e)
		if got := s.Fires(e); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

const commitID = "0123456789abcdef0123456789abcdef01234567"

// TestParse reads webhooks of both providers.
func TestParse(t *testing.T) {
	repository := `"repository": {"clone_url": "https://github.com/ada/app.git"}`
	devops := `"repository": {"remoteUrl": "https://dev.azure.com/o/p/_git/app"}`
	for name, row := range map[string]struct{ event, body, want string }{
		"push":                 {"push", `{"ref": "refs/heads/feature/x", "after": "` + commitID + `", ` + repository + `}`, `[{"id":"1","eventType":"commit","commitId":"` + commitID + `","repositoryUrl":"https://github.com/ada/app.git","branchName":"feature/x","providerType":"Github"}]`},
		"push of a tag":        {"push", `{"ref": "refs/tags/v1", "after": "` + commitID + `", ` + repository + `}`, `null`},
		"removed branch":       {"push", `{"ref": "refs/heads/x", "after": "` + noCommit + `", "deleted": true, ` + repository + `}`, `null`},
		"ping":                 {"ping", `{"zen": "keep it simple", ` + repository + `}`, `null`},
		"pull request":         {"pull_request", `{"action": "synchronize", "number": 7, "pull_request": {"head": {"sha": "` + commitID + `", "ref": "fork"}, "base": {"ref": "main"}}, ` + repository + `}`, `[{"id":"1","eventType":"pullrequest","commitId":"` + commitID + `","pullRequestId":"7","repositoryUrl":"https://github.com/ada/app.git","branchName":"main","providerType":"Github"}]`},
		"closed pull request":  {"pull_request", `{"action": "closed", "number": 7, ` + repository + `}`, `null`},
		"no repository":        {"push", `{"ref": "refs/heads/x", "after": "` + commitID + `"}`, errIncomplete.Error()},
		"no commit":            {"push", `{"ref": "refs/heads/x", ` + repository + `}`, errIncomplete.Error()},
		"a commit that is not": {"push", `{"ref": "refs/heads/x", "after": "--upload-pack=x", ` + repository + `}`, errIncomplete.Error()},
		"no branch":            {"push", `{"ref": "refs/heads/", "after": "` + commitID + `", ` + repository + `}`, errIncomplete.Error()},
		"not JSON":             {"push", `ref=x`, "the webhook cannot be read"},
		"another form":         {"push", `{"ref": 1}`, "the webhook cannot be read"},
		"push to DevOps":       {"", `{"id": "1", "eventType": "git.push", "resource": {"refUpdates": [{"name": "refs/heads/a", "newObjectId": "` + commitID + `"}, {"name": "refs/heads/b", "newObjectId": "` + noCommit + `"}, {"name": "refs/tags/c", "newObjectId": "` + commitID + `"}], ` + devops + `}}`, `[{"id":"1","eventType":"commit","commitId":"` + commitID + `","repositoryUrl":"https://dev.azure.com/o/p/_git/app","branchName":"a","providerType":"VisualStudioTeamService"}]`},
		"request to DevOps":    {"", `{"id": "1", "eventType": "git.pullrequest.updated", "resource": {"pullRequestId": 9, "status": "active", "targetRefName": "refs/heads/main", "lastMergeSourceCommit": {"commitId": "` + commitID + `"}, ` + devops + `}}`, `[{"id":"1","eventType":"pullrequest","commitId":"` + commitID + `","pullRequestId":"9","repositoryUrl":"https://dev.azure.com/o/p/_git/app","branchName":"main","providerType":"VisualStudioTeamService"}]`},
		"completed request":    {"", `{"eventType": "git.pullrequest.updated", "resource": {"status": "completed", ` + devops + `}}`, `null`},
		"many branches":        {"", `{"eventType": "git.push", "resource": {"refUpdates": [` + strings.Repeat(`{},`, maxUpdates) + `{}]}}`, "more than 100"},
		"incomplete":           {"", `{"eventType": "git.push", "resource": {"refUpdates": [{"name": "refs/heads/a"}], ` + devops + `}}`, errIncomplete.Error()},
		"something else":       {"", `{"eventType": "build.complete"}`, `null`},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := ParseDevOps([]byte(row.body))
			if row.event != "" {
				events, err = ParseGitHub(row.event, "1", []byte(row.body))
			}
			got, _ := json.Marshal(events)
			if err != nil {
				if !strings.HasPrefix(err.Error(), row.want) && !strings.HasSuffix(err.Error(), row.want) {
					t.Errorf("got %v, want %s", err, row.want)
				}
				return
			}
			if diff := cmp.Diff(row.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := ParseGitHub("push", "", make([]byte, maxBody+1)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %v", err)
	}
}

// TestSigned takes the one right signature.
func TestSigned(t *testing.T) {
	body := []byte(`{"a": "b"}`)
	mac := hmac.New(sha256.New, []byte("secret"))
	mac.Write(body)
	right := hex.EncodeToString(mac.Sum(nil))
	empty := hmac.New(sha256.New, nil)
	empty.Write(body)
	for name, row := range map[string]struct {
		secret, body, signature string
		want                    bool
	}{
		"right":               {"secret", string(body), "sha256=" + right, true},
		"another secret":      {"Secret", string(body), "sha256=" + right, false},
		"another body":        {"secret", string(body) + " ", "sha256=" + right, false},
		"the form of SHA-1":   {"secret", string(body), "sha1=" + right, false},
		"no form":             {"secret", string(body), right, false},
		"cut":                 {"secret", string(body), "sha256=" + right[:62], false},
		"none":                {"secret", string(body), "", false},
		"nothing signed":      {"secret", string(body), "sha256=", false},
		"not in hexadecimal":  {"secret", string(body), "sha256=zz", false},
		"signed with nothing": {"", string(body), "sha256=" + hex.EncodeToString(empty.Sum(nil)), false},
	} {
		if got := Signed(row.secret, []byte(row.body), row.signature); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestSamePassword takes the one right password.
func TestSamePassword(t *testing.T) {
	for _, row := range []struct {
		secret, given string
		want          bool
	}{{"secret", "secret", true}, {"secret", "Secret", false}, {"secret", "secret ", false}, {"secret", "", false}, {"", "", false}} {
		if got := SamePassword(row.secret, row.given); got != row.want {
			t.Errorf("%q, %q: %v", row.secret, row.given, got)
		}
	}
}

// FuzzParse reads any body; an event that comes of it is one of which a run can be made.
func FuzzParse(f *testing.F) {
	f.Add("push", []byte(`{"ref": "refs/heads/x", "after": "ab", "repository": {"clone_url": "https://a.b/c.git"}}`))
	f.Add("pull_request", []byte(`{"action": "opened", "number": 7, "pull_request": {"head": {"sha": "ab"}, "base": {"ref": "main"}}, "repository": {"clone_url": "https://a.b/c"}}`))
	f.Add("", []byte(`{"eventType": "git.push", "resource": {"refUpdates": [{"name": "refs/heads/a", "newObjectId": "ab"}], "repository": {"remoteUrl": "https://a.b/c"}}}`))
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		events, err := ParseGitHub(name, "1", body)
		more, moreErr := ParseDevOps(body)
		if err != nil && events != nil || moreErr != nil && more != nil {
			t.Errorf("an event with an error: %v, %v", err, moreErr)
		}
		for _, e := range append(events, more...) {
			if _, err := whole(e); err != nil || e.Kind == "" || e.Provider == "" {
				t.Errorf("%+v", e)
			}
		}
	})
}
