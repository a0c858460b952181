package instances

import "time"

// maxEvents is how many events of a container are kept; the oldest go first.
const maxEvents = 50

// event is something that happened to a container, once or several times.
type event struct {
	name, kind, message string
	count               int
	first, last         time.Time
}

// The names of events, and their kinds (ACI REST API, "Event"; acr-tasks §5).
const (
	pulling, pulled, created, started, killing, failed, backOff = "Pulling", "Pulled", "Created", "Started", "Killing", "Failed", "BackOff"

	normal, warning = "Normal", "Warning"
)

// kinds are those of the events that are not normal.
var kinds = map[string]string{failed: warning}

// noted is the list with one event more. One that was there already counts again.
func noted(events []event, name, message string, now time.Time) []event {
	for i := range events {
		if e := &events[i]; e.name == name && e.message == message {
			e.count, e.last = e.count+1, now
			return events
		}
	}
	kind := normal
	if kinds[name] != "" {
		kind = kinds[name]
	}
	events = append(events, event{name, kind, message, 1, now, now})
	return events[max(0, len(events)-maxEvents):]
}

// shownEvents are events as Resource Manager shows them.
func shownEvents(events []event) []any {
	shown := []any{}
	for _, e := range events {
		shown = append(shown, map[string]any{
			"name": e.name, "type": e.kind, "message": e.message, "count": float64(e.count),
			"firstTimestamp": stamp(e.first), "lastTimestamp": stamp(e.last),
		})
	}
	return shown
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
