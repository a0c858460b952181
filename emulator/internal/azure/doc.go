// Package azure is what documents mean: resource IDs, the documents of Resource Manager and Graph, their views, places and
// routes. It speaks no HTTP and stores nothing.
//
//	Change ──► State.Complete ──► State.With ──► the next State ──► Inline: a document as ARM shows it
//	           what Azure adds    Validate:                    ├──► ReadRegistry and so on: what it means
//	                              what Azure refuses           └──► places, Route: where requests come from
//
// A [State] is an immutable set of [Document]s. [State.Complete] adds to a [Change] what Azure itself would add,
// [State.With] checks it and makes the next State from it. Typed views ([ReadRegistry], [ReadRoleAssignment] and the
// other Read functions) give a document's meaning, with Azure's defaults for what it leaves out; what a type does not
// model stays in the document untouched.
//
// What is known of a type is in tables by its folded name. Whoever adds a type looks through these:
//
//	types.go            its name
//	home.go             what the resources of its namespace stand in
//	registry_members.go the members of registries, registry_children.go those of what is below: forms, words, API versions
//	complete.go         completers: what more there is when it is written; furnish.go: values that Azure fills in
//	validate.go         rules: what is refused; references.go: what must exist; held.go: what keeps it from being deleted
//	inline.go           what it shows of others
//	place_attachment.go how it is attached to the network
//
// acr-behaviour §n and az-cli §n in the comments cite the collected behaviour of the real service.
package azure
