package arm

import (
	"context"
	"net/url"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// Tasks carries out what ACR Tasks do: it queues runs, runs them and keeps their logs. Its methods may be called from any
// number of goroutines. None is called while [Options.Writing] is held, since an implementation writes documents itself. An
// *azure.Error of a method chooses the answer (its Code, Message and Target).
//
// What is scheduled, and how it goes, is told by documents of the registry, which the implementation writes and this package
// shows. A run is a document of azure.TypeRun, REGISTRY/runs/ID, of which the name is the run's ID. Times are RFC 3339 in UTC.
//
//	properties.runId                 the name, such as ca1
//	properties.status                Queued, Started, Running, Succeeded, Failed, Canceled, Error or Timeout
//	properties.runType               QuickBuild, QuickRun, AutoBuild or AutoRun
//	properties.createTime            always there; lists are in its order, the newest first
//	properties.lastUpdatedTime, .startTime, .finishTime
//	properties.task                  the name of the task, not its resource ID; absent in a quick run
//	properties.agentPoolName
//	properties.platform              {os, architecture, variant}
//	properties.agentConfiguration    {cpu}
//	properties.outputImages          [{registry, repository, tag, digest}]
//	properties.imageUpdateTrigger    {id, timestamp, images: [{registry, repository, tag, digest}]}
//	properties.sourceTrigger         {id, eventType, commitId, pullRequestId, repositoryUrl, branchName, providerType}
//	properties.timerTrigger          {timerTriggerName, scheduleOccurrence}
//	properties.sourceRegistryAuth    such as None
//	properties.customRegistries      [login server, …]
//	properties.runErrorMessage, .updateTriggerToken
//	properties.isArchiveEnabled      true or false; changed by this package too
//	properties.provisioningState     Succeeded, but for a run that failed (Failed) or was canceled (Canceled)
//
// Members beside properties are the implementation's own, and no answer shows them: what it needs to go on after a restart
// (request, the body of scheduleRun with its secrets; principal), and dependencies, what the run was built from, as
// [{type: runtime|buildtime, registry, repository, tag, digest}].
//
// A task run is a document of azure.TypeTaskRun, which a client writes. One without the member run (beside properties) asks to
// be carried out: the implementation schedules properties.runRequest as the identity of the document, and notes the run's
// resource ID as run. A client that changes runRequest or forceUpdateTag takes run away again. Whether a task run is done, and
// properties.runResult, are read from its run.
type Tasks interface {
	// Schedule queues a run of a registry, as a principal with an object ID asks for it, and returns the ID of its document,
	// which is there. The request is the body of scheduleRun in Azure's spelling; its form was checked, and that the
	// principal may do it. It belongs to the implementation.
	Schedule(ctx context.Context, registry azure.ResourceID, request map[string]any, principal string) (run azure.ResourceID, err error)
	// Cancel ends a run that is queued or under way. When it returns, the run's document tells so, or will soon.
	Cancel(ctx context.Context, run azure.ResourceID) error
	// SourceUpload makes room for the source of a run. The URL is that of a blob as Azure has it, signed, to which it can be
	// written; relativePath is what sourceLocation of a run's request then says.
	SourceUpload(ctx context.Context, registry azure.ResourceID) (upload *url.URL, relativePath string, err error)
	// LogURL is where a run's log can be read, also while it grows: the URL of a blob as Azure has it, signed.
	LogURL(ctx context.Context, run azure.ResourceID) (*url.URL, error)
	// Queued is how many runs wait for a machine of an agent pool.
	Queued(pool azure.ResourceID) int
}
