package arm

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// showRun shows what a run's document says in properties: what is beside them is for who runs it (see Tasks).
func showRun(_ *call, _ azure.ResourceID, body map[string]any) {
	for name := range body {
		if !slices.Contains([]string{"id", "name", "type", "properties", "systemData"}, name) {
			delete(body, name)
		}
	}
}

// runFields are what lists of runs can be narrowed by (RunFilter of the API's specification; acr-tasks §1.6).
var runFields = map[string]fieldOf{
	"runid":                          memberField("properties.runId"),
	"runtype":                        memberField("properties.runType"),
	"status":                         memberField("properties.status"),
	"taskname":                       memberField("properties.task"),
	"agentpoolname":                  memberField("properties.agentPoolName"),
	"isarchiveenabled":               isArchived,
	"outputimagemanifests":           madeImage(func(image, wanted string) bool { return image == wanted }),
	"contains(outputimagemanifests)": madeImage(strings.Contains),
	"createtime":                     whenField("properties.createTime", func(n int) bool { return n == 0 }),
	"createtime ge":                  whenField("properties.createTime", func(n int) bool { return n >= 0 }),
	"createtime gt":                  whenField("properties.createTime", func(n int) bool { return n > 0 }),
	"createtime le":                  whenField("properties.createTime", func(n int) bool { return n <= 0 }),
	"createtime lt":                  whenField("properties.createTime", func(n int) bool { return n < 0 }),
	"finishtime":                     whenField("properties.finishTime", func(n int) bool { return n == 0 }),
	"finishtime ge":                  whenField("properties.finishTime", func(n int) bool { return n >= 0 }),
	"finishtime gt":                  whenField("properties.finishTime", func(n int) bool { return n > 0 }),
	"finishtime le":                  whenField("properties.finishTime", func(n int) bool { return n <= 0 }),
	"finishtime lt":                  whenField("properties.finishTime", func(n int) bool { return n < 0 }),
}

func isArchived(_ *call, wanted string) fits {
	return func(d *azure.Document) bool {
		archived, _ := lookUp(d.Body, "properties.isArchiveEnabled")
		return fmt.Sprint(archived == true) == wanted
	}
}

// madeImage compares repository@digest of each image that a run made.
func madeImage(compare func(image, wanted string) bool) fieldOf {
	return func(_ *call, wanted string) fits {
		return func(d *azure.Document) bool {
			return slices.ContainsFunc(objectsAt(d.Body, "properties.outputImages"), func(image map[string]any) bool {
				return compare(textAt(image, "repository")+"@"+textAt(image, "digest"), wanted)
			})
		}
	}
}

// whenField compares a time; what has none fits nothing.
func whenField(path string, compare func(int) bool) fieldOf {
	return func(_ *call, text string) fits {
		wanted, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil
		}
		return func(d *azure.Document) bool {
			at, err := time.Parse(time.RFC3339, textAt(d.Body, path))
			return err == nil && compare(at.Compare(wanted))
		}
	}
}

// listRuns lists the runs of a registry, the newest first. With $top it lists so many and no more: az follows every link to
// a next page, and would list them all (az acr task list-runs --top).
func listRuns(c *call) (answer, error) {
	registry, err := c.documentAbove("runs/read")
	if err != nil {
		return answer{}, err
	}
	p, err := c.page(pageSize)
	if err != nil {
		return answer{}, err
	}
	selected, err := c.selects(runFields)
	if err != nil {
		return answer{}, err
	}
	runs := slices.DeleteFunc(newestFirst(c.state.Children(registry.ID.Key(), azure.TypeRun), p.after), func(d *azure.Document) bool { return !selected(d) })
	if c.query("$top") != "" {
		runs = runs[:min(len(runs), p.size)]
	}
	return c.render(p, slices.Values(runs), func(d *azure.Document) any { return c.show(d) }), nil
}

// newestFirst are runs in the order of lists, from after the one with a key. If that one is gone, so is what was before it.
func newestFirst(runs []*azure.Document, after string) []*azure.Document {
	runs = slices.SortedFunc(slices.Values(runs), func(a, b *azure.Document) int {
		return cmp.Or(createdAt(b).Compare(createdAt(a)), cmp.Compare(len(b.ID.Name()), len(a.ID.Name())), cmp.Compare(b.ID.Key(), a.ID.Key()))
	})
	if after == "" {
		return runs
	}
	at := slices.IndexFunc(runs, func(d *azure.Document) bool { return d.ID.Key() == after })
	if at < 0 {
		return nil
	}
	return runs[at+1:]
}

func createdAt(run *azure.Document) time.Time {
	at, _ := time.Parse(time.RFC3339, textAt(run.Body, "properties.createTime"))
	return at
}

// patchRun keeps a run from being forgotten, or lets it go: that is all of it that a client may change.
func patchRun(c *call) (answer, error) {
	id, k, err := c.resource()
	if err != nil {
		return answer{}, err
	}
	if err := c.authorize(k.action("write"), id); err != nil {
		return answer{}, err
	}
	given, err := c.object()
	if err != nil {
		return answer{}, err
	}
	archived, found := given["isArchiveEnabled"]
	if _, isFlag := archived.(bool); found && archived != nil && !isFlag {
		return answer{}, errContent.about("isArchiveEnabled", "'isArchiveEnabled' is true or false")
	}
	c.Writing.Lock()
	defer c.Writing.Unlock()
	c.state = c.Backend.State()
	w := &write{call: c, kind: k, id: id}
	if err := w.begin(); err != nil {
		return answer{}, err
	}
	changed := w.old.Clone()
	if archived != nil {
		setAt(changed.Body, "properties.isArchiveEnabled", archived)
	}
	if err := c.commit(azure.Change{Put: []azure.Document{changed}}); err != nil {
		return answer{}, err
	}
	return document(http.StatusOK, c.show(&changed)), nil
}

// cancelRun ends a run.
func cancelRun(c *call, d *azure.Document, _ map[string]any) (answer, error) {
	if c.Tasks == nil {
		return answer{}, errTasks.with()
	}
	return answer{status: http.StatusOK}, c.Tasks.Cancel(c.r.Context(), d.ID)
}

// listLogURL tells where the log of a run is. It is always a link to a blob that grows: of logArtifactLink az reads no exit
// code (acr-tasks §1.6).
func listLogURL(c *call, d *azure.Document, _ map[string]any) (answer, error) {
	if c.Tasks == nil {
		return answer{}, errTasks.with()
	}
	at, err := c.Tasks.LogURL(c.r.Context(), d.ID)
	if err != nil {
		return answer{}, err
	}
	return ok(map[string]any{"logLink": c.BlobURL(c.r, at).String()}), nil
}
