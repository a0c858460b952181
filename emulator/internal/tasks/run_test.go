package tasks

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

var update = flag.Bool("update", false, "write the logs that runs have into their cases")

// volatile is what differs from run to run of the same task.
var volatile = regexp.MustCompile(`acb_vol_\w+`)

// TestRuns holds runs against testdata/runs: a task, the state in which it ends, and its log.
func TestRuns(t *testing.T) {
	files, err := filepath.Glob("testdata/runs/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b := newBench(t)
			b.work()
			id := b.schedule(taskOf(string(a.Files[0].Data)))
			d := b.await(id, ended)
			got := statusOf(d) + "\n" + volatile.ReplaceAllString(strings.ReplaceAll(b.text(id), "\r\n", "\n"), "acb_vol_X")
			if *update {
				a.Files = append(a.Files[:1], txtar.File{Name: "log", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(a), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(a.Files[1].Data), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Error(diff)
			}
			if b.runs.closed > 1 {
				t.Error("the network was closed twice")
			}
			if left, _ := filepath.Glob(filepath.Join(b.Dir, "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestLinesEndWithCRLF is how az tells whole lines from others (az-cli §6.1).
func TestLinesEndWithCRLF(t *testing.T) {
	b := newBench(t)
	b.work()
	id := b.schedule(taskOf("version: v1.1.0\nsteps:\n- cmd: image echo hello\n"))
	b.await(id, ended)
	if text := b.text(id); strings.Count(text, "\n") != strings.Count(text, "\r\n") || !strings.HasSuffix(text, "\r\n") {
		t.Errorf("%q", text)
	}
	info, err := b.Blobs.Stat(logOf(id))
	if err != nil || info.Metadata["Complete"] != "successful" {
		t.Errorf("%+v, %v", info, err)
	}
}

// TestEnds are ends that come from outside of a step, whose log has no certain order.
func TestEnds(t *testing.T) {
	for name, c := range map[string]struct{ task, status, says, never string }{
		"a step takes too long": {
			"- id: slow\n  cmd: image block\n  timeout: 30\n", statusTimeout,
			"\r\nfailed to run step ID: slow: timed out\r\nRun ID: ca1 timed out after 0s. Error: failed during run, err: timed out\r\n", "",
		},
		"a sibling fails": {
			"- id: service\n  cmd: image block\n  when: ['-']\n- id: broken\n  cmd: image fail 3 no such luck\n  when: ['-']\n- cmd: image echo never\n", statusFailed,
			"\r\nfailed to run step ID: broken: exit status 3\r\nRun ID: ca1 failed after 0s.", "never",
		},
		"a detached one goes on": {
			"- id: service\n  cmd: image block\n  detach: true\n- cmd: image fail 1\n", statusFailed, "failed to run step ID: acb_step_1: exit status 1", "service: exit",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.work()
			id := b.schedule(taskOf("version: v1.1.0\nsteps:\n" + c.task))
			status, text := statusOf(b.await(id, ended)), b.text(id)
			if status != c.status || !strings.Contains(text, c.says) || c.never != "" && strings.Contains(text, c.never) {
				t.Errorf("%s:\n%s", status, text)
			}
			if b.runs.closed != 1 {
				t.Errorf("the network was closed %d times", b.runs.closed)
			}
		})
	}
}

func running(d *azure.Document) bool { return statusOf(d) == statusRunning }

// TestCancel stops the containers of a run, and takes another one out of the queue.
func TestCancel(t *testing.T) {
	b := newBench(t)
	b.Workers = 1
	b.work()
	first := b.schedule(taskOf("version: v1.1.0\nsteps:\n- id: forever\n  cmd: image block\n"))
	second := b.schedule(taskOf("version: v1.1.0\nsteps:\n- cmd: image echo never\n"))
	b.await(first, running)
	b.awaitText(first, "Launching container with name: forever")
	for _, id := range []azure.ResourceID{second, first} {
		if err := b.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		d := b.await(id, ended)
		if statusOf(d) != statusCanceled || properties(d)["provisioningState"] != "Canceled" {
			t.Errorf("%v", d.Body)
		}
		if info, err := b.Blobs.Stat(logOf(id)); err != nil || info.Metadata["Complete"] != "canceled" {
			t.Errorf("%+v, %v", info, err)
		}
	}
	if strings.Contains(b.text(second), "never") || !slices.Contains(b.runs.stopped, "forever") {
		t.Errorf("stopped %v; the second run says %s", b.runs.stopped, b.text(second))
	}
	if err := b.Cancel(t.Context(), first); err != nil {
		t.Errorf("a run that has ended: %v", err)
	}
	unknown, _ := b.here.Child("runs", "ca99")
	if err := b.Cancel(t.Context(), unknown); err == nil {
		t.Error("a run that there is not is canceled")
	}
}

func (b *bench) awaitText(id azure.ResourceID, text string) {
	b.t.Helper()
	b.await(id, func(*azure.Document) bool { return strings.Contains(b.text(id), text) })
}

// TestQueue drains fifty runs in order, two at a time.
func TestQueue(t *testing.T) {
	b := newBench(t)
	var ids []azure.ResourceID
	for range 50 {
		ids = append(ids, b.schedule(taskOf("version: v1.1.0\nsteps:\n- cmd: image echo hello\n")))
	}
	b.work()
	for i, id := range ids {
		d := b.await(id, ended)
		if want := "ca" + itoa(i+1); id.Name() != want || statusOf(d) != statusSucceeded {
			t.Fatalf("%s: %v, want %s", id.Name(), d.Body, want)
		}
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

// TestRestart: runs that wait go on waiting; one that was under way ends as Error, and IDs go on.
func TestRestart(t *testing.T) {
	b := newBench(t)
	b.Workers = 1
	stop := b.work()
	broken := b.schedule(taskOf("version: v1.1.0\nsteps:\n- cmd: image block\n"))
	waiting := b.schedule(taskOf("version: v1.1.0\nsteps:\n- cmd: image echo hello\n"))
	b.awaitText(broken, "Launching")
	kept := b.cloud.State() // as a killed process leaves it
	stop()
	d := b.await(broken, ended)
	if about := properties(d); about["status"] != statusError || about["runErrorMessage"] != errStopped.Error() {
		t.Errorf("stopped: %v", about)
	}

	again := newBench(t)
	again.cloud.state, again.Blobs = kept, b.Blobs
	again.work()
	d = again.await(broken, ended)
	if about := properties(d); about["status"] != statusError || !strings.Contains(about["runErrorMessage"].(string), "ended while the run was under way") {
		t.Errorf("killed: %v", about)
	}
	if d := again.await(waiting, ended); statusOf(d) != statusSucceeded {
		t.Errorf("waited: %v", d.Body)
	}
	if next := again.schedule(taskOf("version: v1.1.0\nsteps: []\n")); next.Name() != "ca3" {
		t.Errorf("the next run is %s", next.Name())
	}
}

// TestKeep drops the oldest runs with their logs, and counts on.
func TestKeep(t *testing.T) {
	b := newBench(t)
	b.Keep = 2
	b.work()
	var last azure.ResourceID
	for range 5 {
		last = b.schedule(taskOf("version: v1.1.0\nsteps:\n- cmd: image echo hello\n"))
		b.await(last, ended)
	}
	runs := runsOf(b.cloud.State(), b.here)
	if len(runs) != 2 || last.Name() != "ca5" || len(b.Blobs.List(account(b.here))) != 2 {
		t.Errorf("%d runs to %s, %d logs", len(runs), last.Name(), len(b.Blobs.List(account(b.here))))
	}
}

// TestReset ends what goes on without a word of it.
func TestReset(t *testing.T) {
	b := newBench(t)
	b.work()
	id := b.schedule(taskOf("version: v1.1.0\nsteps:\n- id: forever\n  cmd: image block\n"))
	b.awaitText(id, "Launching")
	b.Changed(nil)
	b.await(id, func(*azure.Document) bool {
		b.runs.mu.Lock()
		defer b.runs.mu.Unlock()
		return slices.Contains(b.runs.stopped, "forever")
	})
	if strings.Contains(b.text(id), "Run ID") {
		t.Errorf("it says %s", b.text(id))
	}
}

// TestDisk stops a run that fills the machine's disk through its workspace.
func TestDisk(t *testing.T) {
	b := newBench(t)
	b.Disk = 1 << 20
	b.work()
	id := b.schedule(taskOf("version: v1.1.0\nsteps:\n- id: filler\n  cmd: image block\n"))
	b.awaitText(id, "Launching")
	dirs, err := filepath.Glob(filepath.Join(b.Dir, runPrefix+"*", workspaceDir))
	if err != nil || len(dirs) != 1 {
		t.Fatal(dirs, err)
	}
	if err := os.WriteFile(filepath.Join(dirs[0], "much"), make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	d := b.await(id, ended)
	if statusOf(d) != statusFailed || !strings.Contains(b.text(id), "no space left on device") || !slices.Contains(b.runs.stopped, "filler") {
		t.Errorf("%v\n%s", d.Body, b.text(id))
	}
}

// TestAgentPools: each pool has as many machines as it says, and a run that waits for one that is removed waits no more.
func TestAgentPools(t *testing.T) {
	pool := azure.MustParseResourceID(testRegistry + "/agentPools/pool1")
	b := newBench(t, azure.Document{ID: pool, Body: map[string]any{"id": pool.String(), "name": "pool1", "properties": map[string]any{"count": 1.0}}})
	b.work()
	inPool := func(text string) map[string]any {
		request := taskOf(text)
		request["agentPoolName"] = "pool1"
		return request
	}
	first := b.schedule(inPool("version: v1.1.0\nsteps:\n- cmd: image block\n"))
	second := b.schedule(inPool("version: v1.1.0\nsteps:\n- cmd: image echo never\n"))
	b.awaitText(first, "Launching")
	if n := b.Queued(pool); n != 1 || b.Queued(b.here) != 0 {
		t.Errorf("%d wait for the pool", n)
	}
	beside := b.schedule(taskOf("version: v1.1.0\nsteps:\n- cmd: image echo hello\n"))
	if d := b.await(beside, ended); statusOf(d) != statusSucceeded {
		t.Errorf("%v", d.Body)
	}
	if err := b.cloud.Update(t.Context(), func(*azure.State) (azure.Change, error) {
		return azure.Change{Delete: []string{pool.Key()}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if about := properties(b.await(second, ended)); about["status"] != statusError || !strings.Contains(about["runErrorMessage"].(string), "was removed") {
		t.Errorf("%v", about)
	}
}
