package instances

import (
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// The states of a group (ACI REST API, "instanceView.state").
const (
	groupPending   = "Pending"
	groupRunning   = "Running"
	groupStopped   = "Stopped"
	groupSucceeded = "Succeeded"
	groupFailed    = "Failed"
)

// Show puts into the properties of a group how it is doing: provisioningState, and an instanceView of it and of each
// container. A group without containers, which is a place and nothing more, is Stopped.
func (s *Service) Show(id azure.ResourceID, properties map[string]any) {
	g, found := s.group(id)
	if !found {
		properties["instanceView"] = map[string]any{"events": []any{}, "state": groupStopped}
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	properties["provisioningState"] = g.provisioning
	properties["instanceView"] = map[string]any{"events": []any{}, "state": g.state()}
	g.showIn(properties["containers"], g.main)
	g.showIn(properties["initContainers"], g.inits)
}

// showIn puts the views of containers into a list of them.
func (g *group) showIn(list any, instances []*instance) {
	items, _ := list.([]any)
	for at, item := range items {
		container, _ := item.(map[string]any)
		properties, isObject := container["properties"].(map[string]any)
		if isObject && at < len(instances) {
			properties["instanceView"] = instances[at].view()
		}
	}
}

func (i *instance) view() map[string]any {
	view := map[string]any{
		"restartCount": float64(i.restarts), "currentState": i.current.view(), "events": shownEvents(i.events),
	}
	if i.previous.word != "" {
		view["previousState"] = i.previous.view()
	}
	return view
}

func (s state) view() map[string]any {
	view := map[string]any{"state": s.word, "detailStatus": s.detail}
	if !s.start.IsZero() {
		view["startTime"] = stamp(s.start)
	}
	if s.word == stateTerminated {
		view["finishTime"], view["exitCode"] = stamp(s.finish), float64(s.exitCode)
	}
	return view
}

// state is that of the group, which follows from those of its containers.
func (g *group) state() string {
	if g.stopped {
		return groupStopped
	}
	var waiting, failures int
	for _, i := range g.main {
		switch {
		case i.current.word == stateRunning, i.restarts > 0 && i.current.word == stateWaiting:
			return groupRunning
		case i.current.word == stateWaiting:
			waiting++
		case i.current.exitCode != 0:
			failures++
		}
	}
	switch {
	case g.provisioning == provisioningFailed && waiting == len(g.main), failures > 0 && waiting == 0:
		return groupFailed
	case waiting > 0:
		return groupPending
	}
	return groupSucceeded
}
