package trigger

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The bounds of a webhook's body.
const (
	maxBody    = 25 << 20 // bytes, as GitHub's largest
	maxUpdates = 100      // branches in one push
)

// Signed reports whether a body has the signature that GitHub puts into X-Hub-Signature-256: sha256= and the HMAC of the body
// with the secret. Nothing is signed with an empty secret. It takes the same time wherever a signature is wrong.
func Signed(secret string, body []byte, signature string) bool {
	sum, isSHA256 := strings.CutPrefix(signature, "sha256=")
	given, err := hex.DecodeString(sum)
	if secret == "" || !isSHA256 || err != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hmac.Equal(mac.Sum(nil), given)
}

// SamePassword reports whether what Azure DevOps sends as a password is the secret. Nothing is the empty secret. It takes
// the same time wherever they differ.
func SamePassword(secret, given string) bool {
	want, got := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1 && secret != ""
}

// ParseGitHub reads the body of a webhook of GitHub. The name is that of X-GitHub-Event, the ID that of X-GitHub-Delivery.
// What sets off nothing, such as a ping, a branch that was removed, or a pull request that was closed, is no event.
func ParseGitHub(name, id string, body []byte) ([]Event, error) {
	var hook struct {
		Ref        string `json:"ref"`
		After      string `json:"after"`
		Deleted    bool   `json:"deleted"`
		Action     string `json:"action"`
		Number     int64  `json:"number"`
		Repository struct {
			CloneURL string `json:"clone_url"`
		} `json:"repository"`
		PullRequest struct {
			Head struct {
				SHA string `json:"sha"`
			} `json:"head"`
			Base struct {
				Ref string `json:"ref"`
			} `json:"base"`
		} `json:"pull_request"`
	}
	if err := unmarshal(body, &hook); err != nil {
		return nil, err
	}
	e := Event{ID: id, Provider: GitHub, Repository: hook.Repository.CloneURL}
	switch {
	case name == "push" && !hook.Deleted:
		e.Kind, e.CommitID = Commit, hook.After
		return pushed(e, hook.Ref)
	case name == "pull_request" && isOneOf(hook.Action, "opened", "reopened", "synchronize"):
		e.Kind, e.CommitID, e.Branch = PullRequest, hook.PullRequest.Head.SHA, hook.PullRequest.Base.Ref
		e.PullRequestID = strconv.FormatInt(hook.Number, 10)
		return whole(e)
	}
	return nil, nil
}

// pushed completes the event of a push; one of a tag is none.
func pushed(e Event, ref string) ([]Event, error) {
	branch, isBranch := strings.CutPrefix(ref, "refs/heads/")
	if !isBranch {
		return nil, nil
	}
	e.Branch = branch
	return whole(e)
}

// noCommit is the ID that stands for none: of a branch that was removed.
const noCommit = "0000000000000000000000000000000000000000"

// ParseDevOps reads the body of a service hook of Azure DevOps, which says itself what it is of. What sets off nothing is
// no event.
func ParseDevOps(body []byte) ([]Event, error) {
	var hook struct {
		ID       string `json:"id"`
		Event    string `json:"eventType"`
		Resource struct {
			Updates []struct {
				Name string `json:"name"`
				New  string `json:"newObjectId"`
			} `json:"refUpdates"`
			Repository struct {
				RemoteURL string `json:"remoteUrl"`
			} `json:"repository"`
			Number int64  `json:"pullRequestId"`
			Status string `json:"status"`
			Target string `json:"targetRefName"`
			Last   struct {
				CommitID string `json:"commitId"`
			} `json:"lastMergeSourceCommit"`
		} `json:"resource"`
	}
	if err := unmarshal(body, &hook); err != nil {
		return nil, err
	}
	r := hook.Resource
	e := Event{ID: hook.ID, Provider: AzureDevOps, Repository: r.Repository.RemoteURL}
	switch {
	case hook.Event == "git.push":
		return devOpsPush(e, len(r.Updates), func(i int) (ref, commit string) { return r.Updates[i].Name, r.Updates[i].New })
	case isOneOf(hook.Event, "git.pullrequest.created", "git.pullrequest.updated") && isOneOf(r.Status, "active", ""):
		e.Kind, e.CommitID, e.Branch = PullRequest, r.Last.CommitID, strings.TrimPrefix(r.Target, "refs/heads/")
		e.PullRequestID = strconv.FormatInt(r.Number, 10)
		return whole(e)
	}
	return nil, nil
}

func devOpsPush(e Event, n int, update func(i int) (ref, commit string)) (events []Event, err error) {
	if n > maxUpdates {
		return nil, fmt.Errorf("the webhook tells of %d branches, more than %d", n, maxUpdates)
	}
	for i := range n {
		ref, commit := update(i)
		if commit == noCommit {
			continue
		}
		e.Kind, e.CommitID = Commit, commit
		more, err := pushed(e, ref)
		if err != nil {
			return nil, err
		}
		events = append(events, more...)
	}
	return events, nil
}

func unmarshal(body []byte, into any) error {
	if len(body) > maxBody {
		return fmt.Errorf("the webhook has %d bytes, more than %d", len(body), maxBody)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the webhook cannot be read: %w", err)
	}
	return nil
}

func isOneOf(text string, of ...string) bool { return slices.Contains(of, text) }

var errIncomplete = errors.New("the webhook names no repository, no branch, or no commit")

// whole refuses an event of which a run could not be made. A commit is what git and templates are given: letters and
// digits.
func whole(e Event) ([]Event, error) {
	if _, err := hex.DecodeString(e.CommitID); err != nil || e.CommitID == "" || e.Branch == "" || address(e.Repository) == "" {
		return nil, errIncomplete
	}
	return []Event{e}, nil
}
