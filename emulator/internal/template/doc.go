// Package template reads templates of Azure Resource Manager, the JSON that Bicep emits, and says what they mean. It is
// pure: it knows no HTTP, no storage and no resource type.
//
//	text ──► Parse ──► Template ──► Bind ──► Deployment ──► Resources, in the order of their dependencies
//	                                  ▲          │  Body(resource), just before it is written
//	                     parameters, Environment └──► Outputs
//
// Bind checks everything that can be known before something is deployed: parameters against their types, expressions,
// names, conditions, copies, dependencies. What depends on deployed resources, reference() and list*(), is asked of the
// [Host] when a body or an output is wanted.
//
// Templates are other people's input. Every expression is charged to a meter: its length, depth and steps, and the size
// of what it makes are bounded, as are resources and copies, and the context ends it. A template that goes too far ends
// with an [Error] like any other mistake in it.
//
// The source of the behaviour is Microsoft's reference of the template format and of its functions. Two things differ:
// uniqueString gives other strings than Azure does, since its hash is not published, and pickZones does not know which
// regions have zones.
package template
