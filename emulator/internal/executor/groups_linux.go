package executor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// groupsName is the directory of this program's control groups.
const groupsName = "acrlocal"

// hierarchy is one tree of control groups, with the controllers that it has for us.
type hierarchy struct {
	root        string // this program's directory
	controllers []string
	v2          bool
}

// groups make the control groups of containers. Without the right to, there are none, and resource limits take their place.
type groups struct{ hierarchies []hierarchy }

// controllers are those that bound something.
var controllers = []string{"memory", "pids", "cpu"}

// setting is one file of a control group.
type setting struct {
	controller string
	v2         bool
	file       string
	value      func(Limits) string
}

// settings is how limits are written; what renders as "" is not. An optional file may be missing.
var settings = []setting{
	{"memory", false, "memory.limit_in_bytes", func(l Limits) string { return strconv.FormatInt(l.Memory, 10) }},
	{"memory", false, "memory.memsw.limit_in_bytes", func(l Limits) string { return strconv.FormatInt(l.Memory, 10) }},
	{"memory", true, "memory.max", func(l Limits) string { return strconv.FormatInt(l.Memory, 10) }},
	{"memory", true, "memory.swap.max", func(Limits) string { return "0" }},
	{"memory", true, "memory.oom.group", func(Limits) string { return "1" }},
	{"pids", false, "pids.max", func(l Limits) string { return strconv.Itoa(l.Processes) }},
	{"pids", true, "pids.max", func(l Limits) string { return strconv.Itoa(l.Processes) }},
	{"cpu", false, "cpu.cfs_quota_us", quota("%d")},
	{"cpu", true, "cpu.max", quota("%d 100000")},
}

// quota is microseconds of processor time in each tenth of a second.
func quota(format string) func(Limits) string {
	return func(l Limits) string {
		if l.CPUs <= 0 {
			return ""
		}
		return fmt.Sprintf(format, max(1000, int64(l.CPUs*100_000)))
	}
}

// complaints are where the kernel counts what came to a bound.
var complaints = []struct {
	file, word string
	say        func(Limits) string
}{
	{"memory.events", "oom_kill ", memoryReason},
	{"memory.oom_control", "oom_kill ", memoryReason},
	{"pids.events", "max ", func(l Limits) string { return fmt.Sprintf("it wanted more than %d processes", l.Processes) }},
}

func memoryReason(l Limits) string {
	return fmt.Sprintf("it wanted more than %d MiB of memory", l.Memory>>20)
}

// openGroups finds out where control groups can be made, and removes those of leftovers, networks that were not closed.
func openGroups(leftovers []string) *groups {
	g := &groups{}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return g
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 3 {
			g.try(f[1], f[2], strings.Split(f[3], ","))
		}
	}
	for _, h := range g.hierarchies {
		for _, l := range leftovers {
			left, _ := filepath.Glob(filepath.Join(h.root, l+"-*"))
			for _, dir := range left {
				_ = os.Remove(dir)
			}
		}
	}
	return g
}

// try adds the hierarchy at a mount point if it has controllers for us.
func (g *groups) try(at, kind string, options []string) {
	h := hierarchy{root: filepath.Join(at, groupsName), v2: kind == "cgroup2"}
	switch kind {
	case "cgroup":
		h.controllers = common(options)
	case "cgroup2":
		had, _ := os.ReadFile(filepath.Join(at, "cgroup.controllers"))
		h.controllers = common(strings.Fields(string(had)))
	}
	if len(h.controllers) == 0 || unix.Access(at, unix.W_OK) != nil {
		return
	}
	if h.v2 {
		h.delegate(at)
	}
	if err := os.Mkdir(h.root, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return
	}
	if h.v2 {
		h.delegate(h.root)
		got, _ := os.ReadFile(filepath.Join(h.root, "cgroup.subtree_control"))
		h.controllers = common(strings.Fields(string(got)))
	}
	if len(h.controllers) == 0 { // such as in a group that has processes of its own
		_ = os.Remove(h.root)
		return
	}
	g.hierarchies = append(g.hierarchies, h)
}

func common(names []string) []string {
	var found []string
	for _, c := range controllers {
		for _, n := range names {
			if c == n {
				found = append(found, c)
			}
		}
	}
	return found
}

// delegate lets the groups below one have its controllers.
func (h hierarchy) delegate(dir string) {
	for _, c := range h.controllers {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+c), 0)
	}
}

// describe says what is bounded by groups.
func (g *groups) describe() string {
	var found []string
	for _, h := range g.hierarchies {
		found = append(found, h.controllers...)
	}
	if len(found) == 0 {
		return "no control groups here: resource limits bound the number of processes, and the memory of each"
	}
	return "control groups for " + strings.Join(found, ", ")
}

// close removes this program's directories, unless another emulator has groups in them.
func (g *groups) close() error {
	for _, h := range g.hierarchies {
		_ = os.Remove(h.root)
	}
	return nil
}

// group is the control groups of one container: the same in each hierarchy.
type group struct {
	limits Limits
	dirs   []string
	files  []*os.File // where processes join, one for each
}

// make makes the groups of a container.
func (g *groups) make(name string, l Limits) (*group, error) {
	made := &group{limits: l}
	for _, h := range g.hierarchies {
		dir := filepath.Join(h.root, name)
		if err := h.make(dir); err != nil {
			made.close()
			return nil, err
		}
		made.dirs = append(made.dirs, dir)
		if err := h.set(dir, l); err != nil {
			made.close()
			return nil, err
		}
	}
	made.files = made.reopen()
	return made, nil
}

// make makes a group. Another emulator that has ended meanwhile may have removed what it lies in.
func (h hierarchy) make(dir string) error {
	if err := os.MkdirAll(h.root, 0o755); err != nil {
		return err
	}
	if h.v2 {
		h.delegate(h.root)
	}
	return os.MkdirAll(dir, 0o755)
}

func (h hierarchy) set(dir string, l Limits) error {
	for _, s := range settings {
		value := s.value(l)
		if s.v2 != h.v2 || value == "" || len(common([]string{s.controller})) == 0 {
			continue
		}
		name := filepath.Join(dir, s.file)
		if _, err := os.Stat(name); err != nil {
			continue
		}
		if err := os.WriteFile(name, []byte(value), 0); err != nil {
			return fmt.Errorf("control group: %w", err)
		}
	}
	return nil
}

// doors are the files by which a group is joined, the best first. By the first, which version 1 has, a thread joins alone,
// and that is the one that becomes the program. By the other a process joins: the kernel then waits until nobody on the
// machine forks or ends, which takes milliseconds.
var doors = []string{"tasks", "cgroup.procs"}

// reopen opens where processes join.
func (g *group) reopen() []*os.File {
	var files []*os.File
	for _, dir := range g.dirs {
		for _, door := range doors {
			if f, err := os.OpenFile(filepath.Join(dir, door), os.O_WRONLY, 0); err == nil {
				files = append(files, f)
				break
			}
		}
	}
	return files
}

// reason says which bound was reached, if any.
func (g *group) reason() string {
	for _, c := range complaints {
		for _, dir := range g.dirs {
			counts, _ := os.ReadFile(filepath.Join(dir, c.file))
			for line := range bytes.Lines(counts) {
				if n, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte(c.word)); ok && string(n) != "0" {
					return c.say(g.limits)
				}
			}
		}
	}
	return ""
}

// How often and how long a group is tried to be removed, whose processes the kernel is still burying.
const (
	removeTries = 100
	removePause = 2 * time.Millisecond
)

// close removes the groups. Their processes have ended.
func (g *group) close() {
	if g == nil {
		return
	}
	closeFiles(g.files)
	for _, dir := range g.dirs {
		for range removeTries {
			if err := os.Remove(dir); !errors.Is(err, unix.EBUSY) {
				break
			}
			time.Sleep(removePause)
		}
	}
}
