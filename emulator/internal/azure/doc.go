// Package azure is the emulator's domain: the documents of Azure Resource Manager and Microsoft Graph, the IDs that
// name them, and what they mean. It knows no HTTP, no storage and no gate.
//
// A [State] is an immutable set of [Document]s. [State.Complete] adds to a [Change] what Azure itself would add,
// [State.With] checks it and makes the next State from it. Typed views ([ReadRegistry], [ReadRoleAssignment] and the
// other Read functions) give a document's meaning, with Azure's defaults for what it leaves out; what a type does not
// model stays in the document untouched.
//
// acr-behaviour §n and az-cli §n in the comments cite the collected behaviour of the real service.
package azure
