package gate

// Behavior is a point in time at which ACR is imitated. It is a name for a set of quirks.
type Behavior string

// The two behaviours.
const (
	// Article follows the article: a task with a system-assigned identity passes once trusted services are allowed.
	Article Behavior = "article"
	// Current follows ACR since June 2025 (acr-behaviour §3.2).
	Current Behavior = "current"
)

// Quirks are the differences between behaviours, each of which can be set alone.
type Quirks struct {
	// TasksNeedFlag makes an unset networkRuleBypassAllowedForTasks mean false (acr-behaviour §3.2).
	TasksNeedFlag bool
	// CorrelationInMessage appends " CorrelationId: GUID" to the messages of the token service (acr-behaviour §2.1).
	CorrelationInMessage bool
	// DenyAtRegistry lets the firewall answer 403 on /v2 and /acr/v1 before a credential is asked for, as until 2021
	// (acr-behaviour §2.2).
	DenyAtRegistry bool
}

// behaviors is the table of behaviours.
var behaviors = map[Behavior]Quirks{
	Article: {},
	Current: {TasksNeedFlag: true, CorrelationInMessage: true},
}

// Quirks returns the quirks that b stands for, and whether b is a behaviour at all.
func (b Behavior) Quirks() (Quirks, bool) {
	q, ok := behaviors[b]
	return q, ok
}
