package trigger

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// The kinds of events, in ARM's words.
const (
	// Commit is a push to a branch.
	Commit = "commit"
	// PullRequest is one that was opened, or to which there was a push.
	PullRequest = "pullrequest"
)

// The providers of repositories, in ARM's words.
const (
	// GitHub is GitHub.
	GitHub = "Github"
	// AzureDevOps is Azure DevOps, by its older name.
	AzureDevOps = "VisualStudioTeamService"
)

// Event is what a webhook told: of one branch. Its JSON is the sourceTrigger of a run.
type Event struct {
	// ID is the event's, if it has one.
	ID string `json:"id,omitempty"`
	// Kind is Commit or PullRequest.
	Kind string `json:"eventType"`
	// CommitID is the commit to build.
	CommitID string `json:"commitId,omitempty"`
	// PullRequestID is the number of a pull request.
	PullRequestID string `json:"pullRequestId,omitempty"`
	// Repository is the address of the repository.
	Repository string `json:"repositoryUrl"`
	// Branch is the one that was pushed to, or that a pull request is for.
	Branch string `json:"branchName"`
	// Provider is GitHub or AzureDevOps.
	Provider string `json:"providerType"`
}

// Source is a source trigger of a task.
type Source struct {
	// Name is unique in its task.
	Name string
	// Events are the kinds that it waits for.
	Events []string
	// Repository is the address, perhaps with a branch and directory after #, as az writes it.
	Repository string
	// Branch is the one that counts; empty is master, as az has it.
	Branch string
	// Provider is whose webhooks count; empty is anybody's.
	Provider string
}

// Fires reports whether an event sets off the trigger: one of its kinds, in its repository, on its branch, from its provider.
func (s Source) Fires(e Event) bool {
	if s.Provider != "" && !strings.EqualFold(s.Provider, e.Provider) || cmp.Or(s.Branch, defaultBranch) != e.Branch {
		return false
	}
	if own := address(s.Repository); own == "" || own != address(e.Repository) {
		return false
	}
	return slices.ContainsFunc(s.Events, func(kind string) bool { return strings.EqualFold(kind, e.Kind) })
}

// defaultBranch is the one of a trigger that names none, in az 2.45.
const defaultBranch = "master"

// address is a repository's address in one spelling: without scheme, credentials, fragment, .git and case. It is empty
// for what is none.
func address(repository string) string {
	u, err := url.Parse(repository)
	if err != nil || u.Host == "" && u.Scheme != "file" {
		return ""
	}
	path := strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), ".git")
	if u.Scheme == "file" {
		return "file://" + path
	}
	return strings.ToLower(u.Host + path)
}
