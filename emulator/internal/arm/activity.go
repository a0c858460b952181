package arm

import (
	"fmt"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

const (
	maxEvents    = 2000 // of the activity log; the oldest are forgotten first
	eventsOnPage = 200
	readEvents   = "Microsoft.Insights/eventtypes/values/read"
)

// activity is the activity log: what principals did, or tried to, through the control plane. Reading is not in it.
type activity struct {
	mu     sync.Mutex
	events []*azure.Document // a ring
	count  int64             // of all events ever
}

// add keeps an event under an ID that comes before those of older ones.
func (a *activity) add(subscription string, body map[string]any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id, err := azure.ParseResourceID(fmt.Sprintf("/subscriptions/%s/providers/Microsoft.Insights/events/%020d", subscription, math.MaxInt64-a.count))
	if err != nil {
		return
	}
	d := &azure.Document{ID: id, Body: body}
	if len(a.events) < maxEvents {
		a.events = append(a.events, d)
	} else {
		a.events[a.count%maxEvents] = d
	}
	a.count++
}

// of returns the events in a subscription, the newest first.
func (a *activity) of(subscription string) []*azure.Document {
	a.mu.Lock()
	defer a.mu.Unlock()
	var found []*azure.Document
	for i := range int64(len(a.events)) {
		if d := a.events[(a.count-1-i)%maxEvents]; azure.Fold(d.ID.Subscription()) == azure.Fold(subscription) {
			found = append(found, d)
		}
	}
	return found
}

// deed is what a call does: the first right that it needs beside rights to read.
type deed struct {
	action string
	scope  azure.ResourceID
}

// record writes into the activity log what the call did, and how it ended: with a status, or with an error.
func (c *call) record(status int, err error) {
	subscription := c.deed.scope.Subscription()
	if c.deed.action == "" || subscription == "" || c.r.Method == http.MethodGet {
		return
	}
	body, now := c.event(status, err), c.timestamp()
	body["eventTimestamp"], body["submissionTimestamp"] = now, now
	c.activity.add(subscription, body)
}

// event is the body of an event, in the form of the activity log's API, version 2015-04-01.
func (c *call) event(status int, err error) map[string]any {
	outcome, level, properties := "Succeeded", "Informational", map[string]any{}
	if err != nil {
		known := asError(err)
		outcome, level, status = "Failed", "Error", known.Status
		properties["statusMessage"] = known.Code + ": " + known.Message
	}
	properties["statusCode"] = http.StatusText(status)
	scope, id := c.deed.scope, uuid.NewString()
	address, _, _ := net.SplitHostPort(c.r.RemoteAddr)
	namespace, _, _ := strings.Cut(scope.Type(), "/")
	return map[string]any{
		"id": scope.String() + "/events/" + id, "eventDataId": id, "correlationId": c.correlation, "operationId": c.correlation,
		"eventName": localizable("EndRequest"), "category": localizable("Administrative"), "channels": "Operation", "level": level,
		"resourceId": scope.String(), "resourceGroupName": scope.ResourceGroup(), "resourceProviderName": localizable(namespace),
		"resourceType": localizable(scope.Type()), "subscriptionId": scope.Subscription(), "tenantId": azure.DevelopmentTenant,
		"operationName": localizable(c.deed.action), "status": localizable(outcome), "description": "", "properties": properties,
		"subStatus":     map[string]any{"value": http.StatusText(status), "localizedValue": fmt.Sprintf("%s (HTTP Status Code: %d)", http.StatusText(status), status)},
		"authorization": map[string]any{"action": c.deed.action, "scope": scope.String()},
		"caller":        c.clientName(),
		"claims": map[string]any{
			"http://schemas.microsoft.com/identity/claims/objectidentifier": c.principal, "appid": c.clientName(),
			"http://schemas.microsoft.com/identity/claims/tenantid": azure.DevelopmentTenant,
		},
		"httpRequest": map[string]any{
			"clientRequestId": c.r.Header.Get("x-ms-client-request-id"), "clientIpAddress": address, "method": c.r.Method,
		},
	}
}

func localizable(value string) map[string]any {
	return map[string]any{"value": value, "localizedValue": value}
}

// listEvents answers for the activity log of a subscription (az monitor activity-log list): the newest first, and of those
// only what the principal may read.
func listEvents(c *call) (answer, error) {
	scope, err := azure.ParseResourceID("/subscriptions/" + c.segment(1))
	if err != nil {
		return answer{}, refusePath(err)
	}
	if err := c.checkSubscription(scope); err != nil {
		return answer{}, err
	}
	p, err := c.page(eventsOnPage)
	if err != nil {
		return answer{}, err
	}
	selected, err := c.selects(eventFields)
	if err != nil {
		return answer{}, err
	}
	refused, readable := c.authorize(readEvents, scope), false
	shown := c.render(p, only(sorted(c.activity.of(scope.Name()), p.after), func(d *azure.Document) bool {
		at, err := azure.ParseResourceID(textAt(d.Body, "resourceId"))
		if !selected(d) || refused != nil && (err != nil || !c.may(readEvents, at)) {
			return false
		}
		readable = true
		return true
	}), func(d *azure.Document) any { return d.Body })
	if refused != nil && !readable {
		return answer{}, refused
	}
	return shown, nil
}

// eventFields are what the activity log can be narrowed by (Activity Logs - List in Azure's REST reference).
var eventFields = map[string]fieldOf{
	"eventtimestamp ge": timeField("eventTimestamp", func(at, given time.Time) bool { return !at.Before(given) }),
	"eventtimestamp gt": timeField("eventTimestamp", time.Time.After),
	"eventtimestamp le": timeField("eventTimestamp", func(at, given time.Time) bool { return !at.After(given) }),
	"eventtimestamp lt": timeField("eventTimestamp", time.Time.Before),
	"eventchannels":     func(*call, string) fits { return func(*azure.Document) bool { return true } }, // all are of ARM's channel
	"resourcegroupname": memberField("resourceGroupName"),
	"resourceprovider":  memberField("resourceProviderName.value"),
	"resourceuri":       memberField("resourceId"),
	"resourceid":        memberField("resourceId"),
	"resourcetype":      memberField("resourceType.value"),
	"correlationid":     memberField("correlationId"),
	"caller":            memberField("caller"),
	"status":            memberField("status.value"),
	"operationname":     memberField("operationName.value"),
	"levels":            memberField("level"),
}

// timeForms are those in which clients write times; az leaves out the zone.
var timeForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", time.DateOnly}

// timeField compares a time of the document.
func timeField(path string, compare func(at, given time.Time) bool) fieldOf {
	return func(_ *call, value string) fits {
		for _, form := range timeForms {
			if given, err := time.Parse(form, value); err == nil {
				return func(d *azure.Document) bool {
					at, err := time.Parse(time.RFC3339Nano, textAt(d.Body, path))
					return err == nil && compare(at, given)
				}
			}
		}
		return nil
	}
}
