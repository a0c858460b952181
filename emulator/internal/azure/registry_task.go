package azure

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/robfig/cron/v3"
)

// The words by which a run tells how it is doing (acr-tasks §1.6).
const (
	RunQueued    = "Queued"
	RunStarted   = "Started"
	RunRunning   = "Running"
	RunSucceeded = "Succeeded"
	RunFailed    = "Failed"
	RunCanceled  = "Canceled"
	RunError     = "Error"
	RunTimeout   = "Timeout"
)

// RunEnded reports whether a run with a status goes on no more.
func RunEnded(status string) bool {
	return slices.Contains([]string{RunSucceeded, RunFailed, RunCanceled, RunError, RunTimeout}, status)
}

// The requests of scheduleRun, by their types (acr-tasks §2).
const (
	TaskRunRequest        = "TaskRunRequest"
	DockerBuildRequest    = "DockerBuildRequest"
	FileTaskRunRequest    = "FileTaskRunRequest"
	EncodedTaskRunRequest = "EncodedTaskRunRequest"
)

// The steps of a task, by their types.
const (
	DockerStep      = "Docker"
	FileTaskStep    = "FileTask"
	EncodedTaskStep = "EncodedTask"
)

// The bounds of tasks and of requests for runs. Those of timeouts are the API's specification's; the others are this
// emulator's own, far above what a task has.
const (
	minRunTimeout   = 300   // seconds
	maxRunTimeout   = 28800 // seconds
	maxTaskItems    = 1000  // of each list of a task or request
	maxEncodedTask  = 1 << 20
	maxScheduleText = 200
)

// DefaultRunTimeout is how long a run may take in which nothing is said of it, in seconds (acr-tasks §1.6).
const DefaultRunTimeout = 3600

// commonMembers are those that a task and a request for a run have alike.
var commonMembers = []memberRow{
	{path: "platform", form: isObject},
	{path: "platform.os", words: []string{"Linux", "Windows"}},
	{path: "platform.architecture", words: []string{"amd64", "x86", "386", "arm", "arm64"}},
	{path: "platform.variant", words: []string{"v6", "v7", "v8"}},
	{path: "agentConfiguration", form: isObject},
	{path: "agentConfiguration.cpu", form: between(1, 64)},
	{path: "agentPoolName", form: isText},
	{path: "timeout", form: between(minRunTimeout, maxRunTimeout)},
	{path: "logTemplate", form: isText},
	{path: "credentials", form: isObject},
	{path: "credentials.sourceRegistry", form: isObject},
	{path: "credentials.sourceRegistry.loginMode", words: []string{"None", "Default"}},
	{path: "credentials.sourceRegistry.identity", form: isText},
	{path: "credentials.customRegistries", form: isObject},
	{path: "credentials.customRegistries{}.identity", form: isText},
	{path: "credentials.customRegistries{}.userName", form: isObject},
	{path: "credentials.customRegistries{}.userName.type", words: secretTypes},
	{path: "credentials.customRegistries{}.userName.value", form: isText},
	{path: "credentials.customRegistries{}.password", form: isObject},
	{path: "credentials.customRegistries{}.password.type", words: secretTypes},
	{path: "credentials.customRegistries{}.password.value", form: isText},
}

var secretTypes = []string{"Opaque", "Vaultsecret"}

// workMembers are what is to be done, in a task's step and in a request for a run.
var workMembers = slices.Concat([]memberRow{
	{path: "dockerFilePath", form: isText},
	{path: "imageNames", form: isTexts},
	{path: "isPushEnabled", form: isFlag},
	{path: "noCache", form: isFlag},
	{path: "target", form: isText},
	{path: "taskFilePath", form: isText},
	{path: "valuesFilePath", form: isText},
	{path: "encodedTaskContent", form: isEncoded},
	{path: "encodedValuesContent", form: isEncoded},
}, valueMembers("arguments"), valueMembers("values"))

// valueMembers are a list of names with values, which may be secret.
func valueMembers(list string) []memberRow {
	return []memberRow{
		{path: list, form: isShortList},
		{path: list + "[].name", form: isText},
		{path: list + "[].value", form: isText},
		{path: list + "[].isSecret", form: isFlag},
	}
}

// taskMembers are those of a task.
var taskMembers = slices.Concat(
	[]memberRow{
		{path: "properties", form: isObject},
		{path: "properties.status", words: upperSwitch},
		{path: "properties.isSystemTask", form: isFlag},
		{path: "properties.step", form: isObject},
		{path: "properties.step.type", words: []string{DockerStep, FileTaskStep, EncodedTaskStep}},
		{path: "properties.step.contextPath", form: isText},
		{path: "properties.step.contextAccessToken", form: isText},
	},
	under("properties", commonMembers), under("properties.step", workMembers), under("properties.trigger", triggerMembers),
)

// triggerMembers are what sets a task off (acr-tasks §1.5). The trigger itself is the empty path.
var triggerMembers = []memberRow{
	{path: "", form: isObject},
	{path: "timerTriggers", form: isShortList},
	{path: "timerTriggers[].name", form: isText},
	{path: "timerTriggers[].status", words: upperSwitch},
	{path: "timerTriggers[].schedule", form: isSchedule},
	{path: "sourceTriggers", form: isShortList},
	{path: "sourceTriggers[].name", form: isText},
	{path: "sourceTriggers[].status", words: upperSwitch},
	{path: "sourceTriggers[].sourceTriggerEvents", form: isTexts},
	{path: "sourceTriggers[].sourceTriggerEvents[]", words: []string{"commit", "pullrequest"}},
	{path: "sourceTriggers[].sourceRepository", form: isObject},
	{path: "sourceTriggers[].sourceRepository.sourceControlType", words: []string{"Github", "VisualStudioTeamService"}},
	{path: "sourceTriggers[].sourceRepository.repositoryUrl", form: isText},
	{path: "sourceTriggers[].sourceRepository.branch", form: isText},
	{path: "sourceTriggers[].sourceRepository.sourceControlAuthProperties", form: isObject},
	{path: "sourceTriggers[].sourceRepository.sourceControlAuthProperties.tokenType", words: []string{"PAT", "OAuth"}},
	{path: "sourceTriggers[].sourceRepository.sourceControlAuthProperties.token", form: isText},
	{path: "sourceTriggers[].sourceRepository.sourceControlAuthProperties.refreshToken", form: isText},
	{path: "sourceTriggers[].sourceRepository.sourceControlAuthProperties.scope", form: isText},
	{path: "sourceTriggers[].sourceRepository.sourceControlAuthProperties.expiresIn", form: between(0, 1<<31-1)},
	{path: "baseImageTrigger", form: isObject},
	{path: "baseImageTrigger.name", form: isText},
	{path: "baseImageTrigger.status", words: upperSwitch},
	{path: "baseImageTrigger.baseImageTriggerType", words: []string{"All", "Runtime"}},
	{path: "baseImageTrigger.updateTriggerEndpoint", form: isText},
	{path: "baseImageTrigger.updateTriggerPayloadType", words: []string{"Default", "Token"}},
}

// requestMembers are those of a request for a run, of any of its types.
var requestMembers = slices.Concat(
	[]memberRow{
		{path: "type", words: []string{TaskRunRequest, DockerBuildRequest, FileTaskRunRequest, EncodedTaskRunRequest}},
		{path: "isArchiveEnabled", form: isFlag},
		{path: "sourceLocation", form: isText},
		{path: "taskId", form: isID},
		{path: "overrideTaskStepProperties", form: isObject},
		{path: "overrideTaskStepProperties.contextPath", form: isText},
		{path: "overrideTaskStepProperties.file", form: isText},
		{path: "overrideTaskStepProperties.target", form: isText},
		{path: "overrideTaskStepProperties.updateTriggerToken", form: isText},
	},
	commonMembers, workMembers,
	under("overrideTaskStepProperties", slices.Concat(valueMembers("arguments"), valueMembers("values"))),
)

// taskRunMembers are those of a task run.
var taskRunMembers = slices.Concat(
	[]memberRow{
		{path: "properties", form: isObject},
		{path: "properties.forceUpdateTag", form: isText},
		{path: "properties.runRequest", form: isObject},
	},
	under("properties.runRequest", requestMembers),
)

// under are rows of members of the object at a path.
func under(path string, rows []memberRow) []memberRow {
	moved := slices.Clone(rows)
	for i := range moved {
		moved[i].path = strings.TrimSuffix(path+"."+moved[i].path, ".")
	}
	return moved
}

func isShortList(f fields, name string) {
	if n := len(f.list(name)); n > maxTaskItems {
		f.fail(CodeInvalid, name, "it has %d items, and may have %d", n, maxTaskItems)
	}
}

// isEncoded is the form of a file in base64.
func isEncoded(f fields, name string) {
	text := f.text(name)
	_, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil:
		f.fail(CodeInvalid, name, "it is not in base64")
	case len(text) > maxEncodedTask:
		f.fail(CodeInvalid, name, "it has %d bytes, and may have %d", len(text), maxEncodedTask)
	}
}

func isSchedule(f fields, name string) {
	if _, err := ParseSchedule(f.text(name)); err != nil {
		f.fail(CodeInvalid, name, "%v", err)
	}
}

var scheduleForm = regexp.MustCompile(`^[0-9A-Za-z*,/?\- ]+$`)

// ParseSchedule reads when a timer sets off a task: a cron expression of five fields, minute, hour, day of the month, month
// and day of the week, in UTC (acr-tasks §1.5). The schedule's Next must be asked with times in UTC.
func ParseSchedule(text string) (cron.Schedule, error) {
	const form = cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow
	if len(text) > maxScheduleText || !scheduleForm.MatchString(text) {
		return nil, fmt.Errorf("%.80q is no cron expression of five fields such as 0 21 * * *", text)
	}
	schedule, err := cron.NewParser(form).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no cron expression such as 0 21 * * *: %w", text, err)
	}
	return schedule, nil
}

// neededBy are the members without which a step or a request of a type means nothing.
var neededBy = map[string][]string{
	DockerStep: {"dockerFilePath"}, FileTaskStep: {"taskFilePath"}, EncodedTaskStep: {"encodedTaskContent"},
	TaskRunRequest: {"taskId"}, DockerBuildRequest: {"dockerFilePath", "platform.os"},
	FileTaskRunRequest: {"taskFilePath", "platform.os"}, EncodedTaskRunRequest: {"encodedTaskContent", "platform.os"},
}

// NormalizeRunRequest gives the members of a request for a run Azure's spelling, in place. An *Error names a member that is
// there in two spellings.
func NormalizeRunRequest(request map[string]any) error {
	return normalize(requestOf(request), requestMembers)
}

// CheckRunRequest refuses a request for a run that cannot be understood, with an *Error.
func CheckRunRequest(request map[string]any) error {
	f := requestOf(request)
	check(f, requestMembers)
	checkWork(f, "type", requestTypes)
	return f.err()
}

func requestOf(request map[string]any) fields { return fields{object: request, first: new(error)} }

const (
	stepTypes    = DockerStep + ", " + FileTaskStep + ", " + EncodedTaskStep
	requestTypes = TaskRunRequest + ", " + DockerBuildRequest + ", " + FileTaskRunRequest + ", " + EncodedTaskRunRequest
)

// checkWork wants what a step or a request of its type needs.
func checkWork(f fields, name, types string) {
	kind := f.text(name)
	if neededBy[kind] == nil {
		f.fail(CodeInvalid, name, "%.40q is none of %s", kind, types)
	}
	for _, path := range neededBy[kind] {
		above, last := f.reach(path)
		if len(above) == 0 || above[0].text(last) == "" {
			f.fail(CodeInvalid, path, "it is missing")
		}
	}
	for _, list := range []string{"arguments", "values"} {
		for _, item := range f.list(list) {
			if item.text("name") == "" {
				item.fail(CodeInvalid, "name", "it is missing")
			}
		}
	}
}

// validateTask checks a task. A step may be missing here: a task can stand for a place and nothing else.
func validateTask(s *State, d Document) error {
	if err := validateChild(s, d); err != nil {
		return err
	}
	f := fieldsOf(d).in("properties")
	if f.has("step") && len(f.in("step").object) > 0 {
		checkWork(f.in("step"), "type", stepTypes)
	}
	trigger := f.in("trigger")
	checkTriggers(trigger, "timerTriggers", "schedule")
	checkTriggers(trigger, "sourceTriggers", "sourceRepository", "sourceTriggerEvents")
	if base := trigger.in("baseImageTrigger"); len(base.object) > 0 && base.text("name") == "" {
		base.fail(CodeInvalid, "name", "it is missing")
	}
	return f.err()
}

// checkTriggers wants triggers of a kind to have names of their own, and what else they need.
func checkTriggers(f fields, list string, needed ...string) {
	names := map[string]bool{}
	for _, one := range f.list(list) {
		name := Fold(one.text("name"))
		switch {
		case name == "":
			one.fail(CodeInvalid, "name", "it is missing")
		case names[name]:
			one.fail(CodeInvalid, "name", "two triggers are called %.80q", name)
		}
		names[name] = true
		for _, member := range needed {
			if !one.has(member) {
				one.fail(CodeInvalid, member, "it is missing")
			}
		}
	}
}

// validateTaskRun checks a task run, which is a request for a run.
func validateTaskRun(s *State, d Document) error {
	if err := validateChild(s, d); err != nil {
		return err
	}
	f := fieldsOf(d).in("properties", "runRequest")
	if len(f.object) == 0 {
		f.fail(CodeInvalid, "", "it is missing")
		return f.err()
	}
	checkWork(f, "type", requestTypes)
	return f.err()
}
