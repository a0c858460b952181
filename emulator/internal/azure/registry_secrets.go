package azure

// workSecrets are where a task or a request for a run has what only listDetails tells, below the object that has them.
var workSecrets = []string{
	"step.contextAccessToken",
	"trigger.sourceTriggers[].sourceRepository.sourceControlAuthProperties.token",
	"trigger.sourceTriggers[].sourceRepository.sourceControlAuthProperties.refreshToken",
	"credentials.customRegistries{}.userName.value", "credentials.customRegistries{}.password.value",
	"overrideTaskStepProperties.updateTriggerToken", "contextAccessToken",
}

// secretValues are lists of arguments and values there, whose items are secret if they say so.
var secretValues = []string{
	"step.arguments[].value", "step.values[].value", "arguments[].value", "values[].value",
	"overrideTaskStepProperties.arguments[].value", "overrideTaskStepProperties.values[].value",
}

// ConcealWork takes out of a task's properties, or a request for a run, what only listDetails tells, in place.
func ConcealWork(object map[string]any) {
	for _, path := range workSecrets {
		for _, at := range Reach(object, path) {
			delete(at.Object, at.Name)
		}
	}
	for _, path := range secretValues {
		for _, at := range Reach(object, path) {
			if at.Object["isSecret"] == true {
				delete(at.Object, at.Name)
			}
		}
	}
}

// workAt are where documents have a task's properties or a request for a run, by folded type.
var workAt = map[string][]string{
	Fold(TypeTask): {"properties"}, Fold(TypeTaskRun): {"properties", "runRequest"}, Fold(TypeRun): {"request"},
}

// concealWork takes the secrets of a task, a task run or a run out of its document, in place.
func concealWork(resourceType string, body map[string]any) {
	path, isWork := workAt[Fold(resourceType)]
	for _, name := range path {
		body, _ = body[name].(map[string]any)
	}
	if isWork && body != nil {
		ConcealWork(body)
	}
}
