package tasks

import (
	"context"
	"net/http"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/tasks/trigger"
)

// committed starts the tasks that wait for an event of a repository. trusted says for which of their tokens the event is to be
// believed.
func (s *Service) committed(ctx context.Context, e trigger.Event, trusted func(token string) bool) (started int) {
	var about map[string]any
	if decode(e, &about) != nil {
		return 0
	}
	for _, task := range s.Cloud.State().OfType(azure.TypeTask) {
		for _, source := range triggersOf(task).Sources {
			r := source.Repository
			waits := trigger.Source{Name: source.Name, Events: source.Events, Repository: r.URL, Branch: r.Branch, Provider: r.Type}
			if enabled(source.Status) && waits.Fires(e) && trusted(r.Auth.Token) {
				s.set(ctx, task, occasion{member: "sourceTrigger", about: about}, atCommit(task, e.CommitID))
				started++
				break
			}
		}
	}
	return started
}

// atCommit has a run build the commit that started it, rather than the branch that its task names.
func atCommit(task *azure.Document, commit string) map[string]any {
	step, _ := properties(task)["step"].(map[string]any)
	repository, fragment, _ := strings.Cut(textOf(step["contextPath"]), "#")
	if repository == "" || repository == "/dev/null" || commit == "" {
		return nil
	}
	_, dir, isPart := strings.Cut(fragment, ":")
	if isPart {
		commit += ":" + dir
	}
	return map[string]any{"contextPath": repository + "#" + commit}
}

// Webhook takes what a webhook of GitHub or a service hook of Azure DevOps tells, and starts the tasks that wait for it. It
// returns how many it started. One that is signed starts the tasks with the token that it is signed with; one that is not is
// believed as it is, so that it has to come from whoever runs the emulator. The error is for a body that cannot be read.
func (s *Service) Webhook(ctx context.Context, header http.Header, body []byte) (started int, err error) {
	var events []trigger.Event
	trusted := func(string) bool { return true }
	if name := header.Get("X-GitHub-Event"); name != "" {
		events, err = trigger.ParseGitHub(name, header.Get("X-GitHub-Delivery"), body)
		if signature := header.Get("X-Hub-Signature-256"); signature != "" {
			trusted = func(token string) bool { return trigger.Signed(token, body, signature) }
		}
	} else {
		events, err = trigger.ParseDevOps(body)
		if _, password, given := (&http.Request{Header: header}).BasicAuth(); given {
			trusted = func(token string) bool { return trigger.SamePassword(token, password) }
		}
	}
	for _, e := range events {
		started += s.committed(ctx, e, trusted)
	}
	return started, err
}
