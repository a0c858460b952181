package azure

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The states of a training job (Azure Machine Learning REST API, "JobStatus"), as far as jobs here have them.
const (
	JobNotStarted = "NotStarted"
	JobStarting   = "Starting"
	JobRunning    = "Running"
	JobCompleted  = "Completed"
	JobFailed     = "Failed"
	JobCanceled   = "Canceled"
)

// TrainingJob is what a document says of a command job of a workspace.
type TrainingJob struct {
	// Environment is the version of an environment whose image the command runs in.
	Environment ResourceID
	// Command is a line for a shell, with literal inputs put in.
	Command string
	// Env are variables, as NAME=value.
	Env []string
	// Compute is the compute that the job runs on, if it names one.
	Compute ResourceID
	// Timeout ends the job; 0 does not.
	Timeout time.Duration
	// Status is one of the constants JobNotStarted and so on; empty is JobNotStarted.
	Status string
	// Made is when the document was made, as it says. A job made again is another one.
	Made string
}

// Over reports whether nothing will happen to the job any more.
func (j TrainingJob) Over() bool {
	return j.Status == JobCompleted || j.Status == JobFailed || j.Status == JobCanceled
}

// ReadTrainingJob reads a document of TypeTrainingJob.
func ReadTrainingJob(d Document) (TrainingJob, error) {
	f := fieldsOf(d).in("properties")
	workspace, _ := d.ID.Parent()
	if kind := f.text("jobType"); !strings.EqualFold(kind, "Command") {
		f.fail(CodeInvalid, "jobType", "%.60q is outside this emulator: jobs are of the type Command", kind)
	}
	j := TrainingJob{
		Made:        fieldsOf(d).in("systemData").text("createdAt"),
		Environment: f.environment("environmentId", workspace), Command: f.inputs(f.text("command")), Env: f.variables("environmentVariables"),
		Compute: f.idOf("computeId"), Timeout: f.in("limits").duration("timeout"), Status: f.text("status"),
	}
	if j.Command == "" {
		f.fail(CodeInvalid, "command", "a command job has a command")
	}
	if j.Environment.IsZero() {
		f.fail(CodeInvalid, "environmentId", "a command job has an environment, whose image it runs in")
	}
	if above, _ := j.Compute.Parent(); !j.Compute.IsZero() && (!j.Compute.Is(TypeMachineLearningNode) || above.Key() != workspace.Key()) {
		f.fail(CodeInvalid, "computeId", "%.300q is no compute of the workspace %s", j.Compute, workspace.Name())
	}
	return j, f.err()
}

// OnlineDeployment is what a document says of a deployment of an online endpoint.
type OnlineDeployment struct {
	// Environment is the version of an environment whose image is deployed; zero if the deployment names none.
	Environment ResourceID
	// Env are variables, as NAME=value.
	Env []string
	// Written is when the document was last written, as it says.
	Written string
}

// ReadOnlineDeployment reads a document of TypeOnlineDeployment.
func ReadOnlineDeployment(d Document) (OnlineDeployment, error) {
	f := fieldsOf(d)
	endpoint, _ := d.ID.Parent()
	workspace, _ := endpoint.Parent()
	p := f.in("properties")
	return OnlineDeployment{
		Environment: p.environment("environmentId", workspace), Env: p.variables("environmentVariables"),
		Written: f.in("systemData").text("lastModifiedAt"),
	}, f.err()
}

// EnvironmentImage returns the image of an environment's version; empty if it has none, as one that is to be built.
func EnvironmentImage(s *State, version ResourceID) (string, error) {
	d, found := s.Get(version.Key())
	if !found {
		return "", &Error{Code: CodeNotFound, ID: version, Message: fmt.Sprintf("there is no environment %s", version)}
	}
	f := fieldsOf(*d).in("properties")
	return f.text("image"), f.err()
}

// environmentName is the short form in which az ml names the version of an environment.
var environmentName = formOf(`azureml:([A-Za-z0-9][A-Za-z0-9._-]{0,254}):([A-Za-z0-9][A-Za-z0-9._-]{0,254})`)

// environment reads the ID of an environment's version: in full, or as azureml:NAME:VERSION. It is one of the workspace, as the
// compute of a job is: who may write a job there need not have any right elsewhere.
func (f fields) environment(name string, workspace ResourceID) ResourceID {
	given := f.text(name)
	if given == "" {
		return ResourceID{}
	}
	if short := environmentName().FindStringSubmatch(given); short != nil {
		given = workspace.String() + "/environments/" + short[1] + "/versions/" + short[2]
	}
	id, err := ParseResourceID(strings.TrimPrefix(given, "azureml:"))
	if err != nil || !id.Is(TypeEnvironmentVersion) || !workspace.Contains(id) {
		f.fail(CodeInvalid, name, "%.300q is no version of an environment of the workspace %s, such as azureml:NAME:VERSION", given, workspace.Name())
	}
	return id
}

// variables reads an object of environment variables.
func (f fields) variables(name string) []string {
	given := f.in(name)
	var env []string
	for _, variable := range slices.Sorted(maps.Keys(given.object)) {
		if variable == "" || strings.ContainsAny(variable, "=\x00") {
			given.fail(CodeInvalid, variable, "%.80q is no name of an environment variable", variable)
		}
		env = append(env, variable+"="+given.text(variable))
	}
	return env
}

// input is where a command says that an input is to be put in.
var input = regexp.MustCompile(`\$\{\{\s*inputs\.([A-Za-z0-9_]+)\s*\}\}`)

// inputs puts the literal inputs of a job into its command.
func (f fields) inputs(command string) string {
	given := f.in("inputs")
	return input.ReplaceAllStringFunc(command, func(found string) string {
		name := input.FindStringSubmatch(found)[1]
		one := given.in(name)
		if !strings.EqualFold(one.text("jobInputType"), "literal") {
			f.fail(CodeInvalid, "command", "the command asks for the input %s: literal inputs are those that there are", name)
		}
		return one.text("value")
	})
}

// isoDuration is a duration of ISO 8601 of hours, minutes and seconds.
var isoDuration = formOf(`PT(\d{1,6}H)?(\d{1,6}M)?(\d{1,6}S)?`)

// duration reads a duration such as PT1H30M; a missing one is 0.
func (f fields) duration(name string) time.Duration {
	given := f.text(name)
	if given == "" {
		return 0
	}
	d, err := time.ParseDuration(strings.ToLower(strings.TrimPrefix(given, "PT")))
	if err != nil || !isoDuration().MatchString(given) {
		f.fail(CodeInvalid, name, "%.40q is no duration such as PT1H30M", given)
	}
	return d
}
