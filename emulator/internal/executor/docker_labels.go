package executor

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Labels of everything that is made at an engine.
const (
	instanceLabel = "io.acrlocal.executor" // which executor made it
	networkLabel  = "io.acrlocal.network"  // for which network, if for one
	gatewayLabel  = "io.acrlocal.gateway"  // marks the gateways of networks
)

// farewell is how long an engine may take to remove what is left.
const farewell = time.Minute

// startup is how long an executor may take from its first image to its first gateway. What is younger is not left behind.
const startup = 2 * time.Minute

// labels are those of a network's things; network may be empty.
func (d *docker) labels(network string) map[string]string {
	labels := map[string]string{instanceLabel: d.instance}
	if network != "" {
		labels[networkLabel] = network
	}
	return labels
}

// labelled is a container, an image or a volume in a list of the engine's.
type labelled struct {
	ID      string `json:"Id"`
	Name    string // of a volume
	Created int64  // of an image or a container, in seconds
	State   string // of a container
	Labels  map[string]string
}

// shelf is one kind of things at an engine.
type shelf struct {
	list, remove string
	flags        []string // for the removal
}

// shelves are what is made at an engine, in the order in which it can be removed.
var shelves = []shelf{
	{"/containers/json", "/containers/", []string{"force", "1", "v", "1"}},
	{"/volumes", "/volumes/", []string{"force", "1"}},
	{"/images/json", "/images/", []string{"force", "1"}},
}

// sweep removes what crashed executors have left: everything of those of which no gateway runs.
func (d *docker) sweep(ctx context.Context) error {
	containers, err := d.list(ctx, shelves[0])
	if err != nil {
		return err
	}
	alive := map[string]bool{}
	for _, c := range containers {
		if c.Labels[gatewayLabel] != "" && c.State == "running" {
			alive[c.Labels[instanceLabel]] = true
		}
	}
	return d.clear(ctx, func(l labelled) bool {
		return !alive[l.Labels[instanceLabel]] && !l.isOnItsWay(time.Now().Add(-startup))
	})
}

// isOnItsWay reports that something may be of an executor whose first gateway does not run yet: its image and its container
// are made before that, and nothing else.
func (l labelled) isOnItsWay(since time.Time) bool {
	isImage := l.State == "" && l.Name == ""
	isGateway := l.State == "created" && l.Labels[gatewayLabel] != ""
	return (isImage || isGateway) && l.Created > since.Unix()
}

// clear removes what is chosen of everything that executors made.
func (d *docker) clear(ctx context.Context, chosen func(labelled) bool) error {
	var errs []error
	for _, s := range shelves {
		found, err := d.list(ctx, s)
		errs = append(errs, err)
		for _, l := range found {
			if chosen(l) {
				errs = append(errs, d.drop(ctx, query(s.remove+l.ID+l.Name, s.flags...)))
			}
		}
	}
	return errors.Join(errs...)
}

// drop removes something of the engine's, if it is still there.
func (d *docker) drop(ctx context.Context, path string) error {
	err := d.engine.call(ctx, http.MethodDelete, path, nil, nil)
	if isGone(err) {
		return nil
	}
	return err
}

// list lists what has the label of an executor, whichever.
func (d *docker) list(ctx context.Context, s shelf) ([]labelled, error) {
	filters, err := json.Marshal(map[string][]string{"label": {instanceLabel}})
	if err != nil {
		return nil, err
	}
	var answer json.RawMessage
	if err := d.engine.call(ctx, http.MethodGet, query(s.list, "all", "1", "filters", string(filters)), nil, &answer); err != nil {
		return nil, err
	}
	var volumes struct{ Volumes []labelled }
	if json.Unmarshal(answer, &volumes) == nil {
		return volumes.Volumes, nil
	}
	var found []labelled
	return found, json.Unmarshal(answer, &found)
}
