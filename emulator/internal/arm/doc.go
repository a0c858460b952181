// Package arm is the HTTP of Azure Resource Manager, management.azure.com: the control plane, by which documents are read
// and changed.
//
//	              ┌────────┐   ┌──────────────┐   ┌──────┐   ┌──────────────────────────────┐
//	request ─────►│ router ├──►│ authenticate ├──►│ RBAC ├──►│ engine, by the table of kinds ├──► answer
//	              └────────┘   └──────────────┘   └──────┘   └──────────────┬───────────────┘
//	               any case,    Backend            Backend                  │ Complete, then Backend.Apply
//	               any version                                              ▼
//
// One engine serves every resource type: it reads (read.go), replaces and merges (write.go), deletes (remove.go) and acts on
// (action.go) documents of package azure as ARM does. What a type does differently is one row in the table of kinds (the form
// of a row is in kinds.go): what a client may not set, what is checked before a write, which documents change with it, which
// actions it has. A type without a row is kept as it is written, so that any resource can serve as a place.
//
// The rows and routes of a provider are in the file with its name, what they need in files with that name before theirs:
//
//	resources.go        Microsoft.Resources: subscriptions, groups, providers, tags
//	deployment.go       its template deployments, which are clients of the engine like any other
//	management.go       Microsoft.Management: management groups
//	authorization.go    Microsoft.Authorization: roles, assignments, locks
//	managedidentity.go  Microsoft.ManagedIdentity
//	registry.go         Microsoft.ContainerRegistry; of ACR Tasks, registry_task_kinds.go
//	network.go          Microsoft.Network
//	places.go           the types that matter as places, of several providers
//
// The package keeps no documents of its own; what it does keep, of bounded size and in memory, are the operations that are
// under way (operation.go) and the activity log (activity.go). Lists go from page to page by key (page.go).
//
// Handlers return errors; one writer renders them, from a table of codes. Whoever asks is asked for the right anew at each step
// that waited for something.
// No network rule of a registry applies here (acr-behaviour §1.3).
package arm
