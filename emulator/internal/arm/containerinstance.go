package arm

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// Instances runs the containers of container groups. What a group is to be is its document, which an implementation follows;
// how it is doing, only the implementation knows. Its methods may be called from any number of goroutines. Those that take a
// context may take their time, and are never called while [Options.Writing] is held. An *azure.Error of a method chooses the
// answer.
type Instances interface {
	// Settle calls done, once, when it is known how the containers of a group begin as its document is now: nil when all were
	// started. It waits for nothing.
	Settle(group azure.ResourceID, done func(error))
	// Show puts into the properties of a group how it is doing: provisioningState, and an instanceView of it and of each of its
	// containers.
	Show(group azure.ResourceID, properties map[string]any)
	// Start begins a group that does not run; done is as in Settle.
	Start(group azure.ResourceID, done func(error))
	// Stop ends the containers of a group, Restart does so and begins them again. Both return when the containers have ended.
	Stop(ctx context.Context, group azure.ResourceID) error
	Restart(ctx context.Context, group azure.ResourceID) error
	// Logs returns the last lines, all for a number below 1, that a container printed since it was last started.
	Logs(group azure.ResourceID, container string, tail int, times bool) (string, error)
	// Exec runs a program in a container, on a terminal, until it or the context ends.
	Exec(ctx context.Context, group azure.ResourceID, container string, args []string, terminal io.ReadWriter) error
}

// instancesKinds are those of Microsoft.ContainerInstance.
func instancesKinds() []kind {
	return []kind{{
		name: azure.TypeContainerGroup, located: true,
		links:    []link{joinSubnet("properties.subnetIds[].id")},
		readOnly: []string{"properties.ipAddress.ip", "properties.ipAddress.fqdn", "properties.instanceView"},
		check:    checkGroup, show: showGroup, settle: settleGroup,
		actions: map[string]action{
			"start":   {name: "start", serve: startGroup},
			"stop":    {name: "stop", serve: onGroup(Instances.Stop)},
			"restart": {name: "restart", serve: onGroup(Instances.Restart)},
		},
	}}
}

// instancesRoutes are what can be asked of a container, which is no resource.
func instancesRoutes() []route {
	return []route{
		{"GET", containerPath + "/logs", getContainerLogs},
		{"POST", containerPath + "/exec", postContainerExec},
	}
}

const containerPath = "/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.containerinstance/containergroups/{name}/containers/{container}"

var errNoInstances = refusal{501, "NotImplemented", "Container groups are not run by this emulator."}

// maxAtOnce is how many resources that run containers a subscription may have of a type, as in Azure ("Resource availability &
// quota limits for ACI"). A machine has an end.
const maxAtOnce = 100

var errTooManyAtOnce = refusal{
	409, "ContainerGroupQuotaReached", "Resource type '%s' quota '%s' exceeded. Limit: '%d', Usage: '%d' Requested: '1'.",
}

// checkRoom refuses a resource that begins to run containers where there are too many already that do.
func (w *write) checkRoom(runs func(*azure.Document) bool) error {
	if w.old != nil && runs(w.old) || !runs(&azure.Document{ID: w.id, Body: w.body}) {
		return nil
	}
	others := 0
	for _, d := range w.state.OfType(w.kind.name) {
		if d.ID.Subscription() == w.id.Subscription() && runs(d) {
			others++
		}
	}
	if others < maxAtOnce {
		return nil
	}
	_, name := cutLast(w.kind.name)
	return errTooManyAtOnce.with(w.kind.name, name, maxAtOnce, others)
}

// hasContainers reports whether a group is more than a place.
func hasContainers(d *azure.Document) bool {
	return len(objectsAt(d.Body, "properties.containers")) > 0
}

// checkGroup drops what clients say of how containers are doing, and refuses volumes that there are none of.
func checkGroup(w *write) error {
	for _, list := range []string{"properties.containers", "properties.initContainers"} {
		for _, container := range objectsAt(w.body, list) {
			removeAt(container, "properties.instanceView")
		}
	}
	group, err := azure.ReadContainerGroup(azure.Document{ID: w.id, Body: w.body})
	if err != nil {
		return err
	}
	if err := group.CheckVolumes(w.id); err != nil {
		return err
	}
	return w.checkRoom(hasContainers)
}

// showGroup shows how a group is doing, and none of its secrets.
func showGroup(c *call, id azure.ResourceID, body map[string]any) {
	azure.Conceal(azure.TypeContainerGroup, body)
	if properties, isObject := body["properties"].(map[string]any); isObject && c.Instances != nil {
		c.Instances.Show(id, properties)
	}
}

// settleGroup tells when the containers of a group that was written have begun.
func settleGroup(c *call, id azure.ResourceID, done func(error)) {
	if c.Instances == nil {
		done(nil)
		return
	}
	c.Instances.Settle(id, done)
}

// startGroup begins a group. Clients wait for that.
func startGroup(c *call, d *azure.Document, _ map[string]any) (answer, error) {
	if c.Instances == nil {
		return answer{}, errNoInstances.with()
	}
	o := c.start(c.kindOf(d.Type()).action("start/action"), d.ID)
	c.Instances.Start(d.ID, func(err error) { o.settle(c.Now().Add(c.delay()), outcome{err: err}) })
	return o.accepted(c, http.StatusAccepted, nil), nil
}

// onGroup is an action that is done when it is answered.
func onGroup(do func(Instances, context.Context, azure.ResourceID) error) func(*call, *azure.Document, map[string]any) (answer, error) {
	return func(c *call, d *azure.Document, _ map[string]any) (answer, error) {
		if c.Instances == nil {
			return answer{}, errNoInstances.with()
		}
		return answer{status: http.StatusNoContent}, do(c.Instances, c.r.Context(), d.ID)
	}
}

// container reads the path of what is asked of a container, and asks for the right to do it.
func (c *call) container(right string) (azure.ResourceID, string, error) {
	above, _ := cutLast(c.path)
	above, name := cutLast(above)
	above, _ = cutLast(above)
	id, err := azure.ParseResourceID(above)
	if err != nil {
		return id, "", refusePath(err)
	}
	if err := c.checkSubscription(id); err != nil {
		return id, "", err
	}
	if err := c.authorize(azure.TypeContainerGroup+"/containers/"+right, id); err != nil {
		return id, "", err
	}
	d, found := c.state.Get(id.Key())
	switch {
	case !found:
		return id, "", c.missing(id, c.kindOf(azure.TypeContainerGroup))
	case c.Instances == nil:
		return id, "", errNoInstances.with()
	}
	return d.ID, name, nil
}

// getContainerLogs answers with what a container printed.
func getContainerLogs(c *call) (answer, error) {
	id, name, err := c.container("logs/read")
	if err != nil {
		return answer{}, err
	}
	tail, err := strconv.Atoi(c.query("tail"))
	if given := c.query("tail"); given != "" && err != nil {
		return answer{}, errContent.about("tail", "'tail' is a number of lines")
	}
	times, _ := strconv.ParseBool(c.query("timestamps"))
	text, err := c.Instances.Logs(id, name, tail, times)
	return ok(map[string]any{"content": text}), err
}
