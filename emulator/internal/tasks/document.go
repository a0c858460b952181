package tasks

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// The states of a run (acr-tasks §1.6).
const (
	statusQueued    = "Queued"
	statusStarted   = "Started"
	statusRunning   = "Running"
	statusSucceeded = "Succeeded"
	statusFailed    = "Failed"
	statusCanceled  = "Canceled"
	statusError     = "Error"
	statusTimeout   = "Timeout"
)

// underWay are the states of a run that was begun and has not ended.
var underWay = []string{statusStarted, statusRunning}

// errGone says that a run's document is not there any more.
var errGone = errors.New("the run is gone")

// idPrefix is what the ID of every run begins with.
const idPrefix = "ca"

// number is that of a run's ID.
func number(d *azure.Document) int {
	n, err := strconv.Atoi(strings.TrimPrefix(azure.Fold(d.ID.Name()), idPrefix))
	if err != nil {
		return 0
	}
	return n
}

// runsOf are the runs of a registry, the oldest first.
func runsOf(s *azure.State, registry azure.ResourceID) []*azure.Document {
	runs := slices.Clone(s.Children(registry.Key(), azure.TypeRun))
	slices.SortFunc(runs, func(a, b *azure.Document) int { return number(a) - number(b) })
	return runs
}

func properties(d *azure.Document) map[string]any {
	p, _ := d.Body["properties"].(map[string]any)
	return p
}

// textOf is a member that is a text; empty for any other.
func textOf(v any) string {
	s, _ := v.(string)
	return s
}

func statusOf(d *azure.Document) string {
	return textOf(properties(d)["status"])
}

func ended(d *azure.Document) bool {
	status := statusOf(d)
	return status != statusQueued && !slices.Contains(underWay, status)
}

// stamp is a time as documents have it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000+00:00") }

// entry is a run that is to be scheduled.
type entry struct {
	registry  azure.ResourceID
	request   map[string]any
	principal string
	// host is the resource whose identity the run has, unless it is that of its task.
	host     azure.ResourceID
	occasion occasion
	// note adds documents to the change that writes the run, such as the task run that it is of. An error keeps it from being
	// written. A run with a note is nobody's whom an error could be told: what is wrong with its request is told by its log.
	note func(s *azure.State, run azure.ResourceID) ([]azure.Document, error)
}

// occasion is what started a run, other than a person.
type occasion struct {
	// member is the one of the run's properties that tells of it, such as timerTrigger; empty for a person's run.
	member string
	about  map[string]any
	// remark is the first line of the run's log.
	remark string
}

// write writes the document of a run that waits, with the next number of its registry, and drops the oldest runs beyond
// what is kept.
func (s *Service) write(ctx context.Context, e entry) (id azure.ResourceID, err error) {
	var doomed []string
	err = s.Cloud.Update(ctx, func(state *azure.State) (azure.Change, error) {
		registry, found := state.Get(e.registry.Key())
		if !found {
			return azure.Change{}, &azure.Error{Code: azure.CodeNotFound, Message: fmt.Sprintf("registry %s is gone", e.registry.Name())}
		}
		runs := runsOf(state, registry.ID)
		if waiting(runs) >= maxWaiting {
			return azure.Change{}, &azure.Error{Code: azure.CodeConflict, Message: fmt.Sprintf("%d runs of registry %s wait already; cancel some, or let them end", maxWaiting, registry.ID.Name())}
		}
		next := 1
		if len(runs) > 0 {
			next = number(runs[len(runs)-1]) + 1
		}
		if id, err = registry.ID.Child("runs", idPrefix+strconv.Itoa(next)); err != nil {
			return azure.Change{}, err
		}
		size := requestSize(e.request)
		if doomed, err = s.surplus(runs, size); err != nil {
			return azure.Change{}, err
		}
		d, noted, err := s.queued(state, id, e)
		d.Body["size"] = float64(size)
		return azure.Change{Put: append(noted, d), Delete: doomed}, err
	})
	if err != nil {
		return id, err
	}
	for _, key := range doomed {
		if old, err := azure.ParseResourceID(key); err == nil {
			s.Blobs.Delete(logOf(old))
		}
	}
	return id, nil
}

func waiting(runs []*azure.Document) (n int) {
	for _, d := range runs {
		if statusOf(d) == statusQueued {
			n++
		}
	}
	return n
}

// maxRequests bounds what the requests of the runs of a registry come to, in bytes.
const maxRequests = 64 << 20

func requestSize(request map[string]any) int {
	text, _ := json.Marshal(request) // it came as JSON
	return len(text)
}

// surplus are the oldest runs beyond those that are kept besides a new one, as far as they have ended. An error says that there is
// no room for one more.
func (s *Service) surplus(runs []*azure.Document, size int) (keys []string, err error) {
	for _, d := range runs {
		n, _ := d.Body["size"].(float64)
		size += int(n)
	}
	for i, d := range runs {
		if ended(d) && (i <= len(runs)-s.Keep || size > maxRequests) {
			n, _ := d.Body["size"].(float64)
			size -= int(n)
			keys = append(keys, d.ID.Key())
		}
	}
	if size > maxRequests {
		return nil, &azure.Error{Code: azure.CodeConflict, Message: fmt.Sprintf("the requests of the runs that wait have more than %d bytes; cancel some, or let them end", maxRequests)}
	}
	return keys, nil
}

// queued is the document of a run that waits, and what is noted of it elsewhere.
func (s *Service) queued(state *azure.State, id azure.ResourceID, e entry) (d azure.Document, noted []azure.Document, err error) {
	registry, _ := id.Parent()
	p, err := newPlan(state, registry, e.host, e.request)
	switch {
	case e.note != nil:
		noted, err = e.note(state, id)
	case err != nil:
		err = &azure.Error{Code: azure.CodeBadRequest, Message: err.Error()}
	}
	d = s.waitingRun(id, p, e)
	if host, found := state.Get(p.host.Key()); found {
		d.Body["hostMade"] = madeAt(host)
	}
	return d, noted, err
}

// waitingRun is the document of a run that waits.
func (s *Service) waitingRun(id azure.ResourceID, p *plan, e entry) azure.Document {
	now := stamp(s.Cloud.Now())
	about := map[string]any{
		"runId": id.Name(), "status": statusQueued, "runType": runType(p, e), "createTime": now, "lastUpdatedTime": now,
		"platform":           map[string]any{"os": cmp.Or(p.Platform.OS, "linux"), "architecture": cmp.Or(p.Platform.Architecture, "amd64")},
		"agentConfiguration": map[string]any{"cpu": p.Agent.cpus()},
		"provisioningState":  "Succeeded", "isArchiveEnabled": e.request["isArchiveEnabled"] == true,
	}
	for name, value := range map[string]string{
		"task": p.name, "agentPoolName": p.AgentPoolName, "sourceRegistryAuth": p.Credentials.SourceRegistry.LoginMode,
	} {
		if value != "" {
			about[name] = value
		}
	}
	if e.occasion.member != "" {
		about[e.occasion.member] = e.occasion.about
	}
	if hosts := p.Credentials.hosts(); len(hosts) > 0 {
		about["customRegistries"] = hosts
	}
	return azure.Document{ID: id, Body: map[string]any{
		"id": id.String(), "name": id.Name(), "type": azure.TypeRun, "properties": about,
		"request": e.request, "principal": e.principal, "host": e.host.String(), "remark": e.occasion.remark,
	}}
}

// runTypes are the types of runs: of a request without a task or with one, building by themselves or by a file.
var runTypes = map[[2]bool]string{
	{false, true}: "QuickBuild", {false, false}: "QuickRun", {true, true}: "AutoBuild", {true, false}: "AutoRun",
}

func runType(p *plan, e entry) string {
	return runTypes[[2]bool{e.occasion.member != "", p.kind == dockerBuild}]
}

// note changes the document of a run.
func (s *Service) note(ctx context.Context, id azure.ResourceID, change func(body, properties map[string]any)) error {
	return s.Cloud.Update(ctx, func(state *azure.State) (azure.Change, error) {
		old, found := state.Get(id.Key())
		if !found {
			return azure.Change{}, errGone
		}
		d := old.Clone()
		about := properties(&d)
		change(d.Body, about)
		about["lastUpdatedTime"] = stamp(s.Cloud.Now())
		return azure.Change{Put: []azure.Document{d}}, nil
	})
}
