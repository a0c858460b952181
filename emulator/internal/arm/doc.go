// Package arm is the HTTP of Azure Resource Manager, management.azure.com: the control plane, by which documents are read
// and changed.
//
//	              ┌────────┐   ┌──────────────┐   ┌──────┐   ┌──────────────────────────────┐
//	request ─────►│ router ├──►│ authenticate ├──►│ RBAC ├──►│ engine, by the table of kinds ├──► answer
//	              └────────┘   └──────────────┘   └──────┘   └──────────────┬───────────────┘
//	               any case,    Backend            Backend                  │ Backend.Apply
//	               any version                                              ▼
//
// One engine serves every resource type: it reads, lists, replaces, merges and deletes documents of package azure as ARM
// does. What a type does differently is one row in the table of kinds (kinds.go): what a client may not set, what is
// checked before a write, which documents change with it, which actions it has. A type without a row is kept as it is
// written, so that any resource can serve as a place.
//
// The package keeps no documents of its own; what it does keep, of bounded size and in memory, are the operations that are
// under way (operation.go) and the activity log (activity.go). Locks and tags are looked up where they stand, lists go
// from page to page by key (page.go): nothing but a list costs more with more documents.
//
// Handlers return errors; one writer renders them, from a table of codes.
// No network rule of a registry applies here (acr-behaviour §1.3).
package arm
