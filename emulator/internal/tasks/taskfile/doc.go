// Package taskfile is the language of ACR Tasks: what a task's file, its values and the request for a run come to, as steps
// that only have to be carried out.
//
// It is pure. What it needs from outside, the text of an alias file and the values of secrets, it asks its caller for. A
// file passes these stages, in the order and mostly in the words of ACR's own engine (acr-tasks §1.1):
//
//	text ─► version ─► aliases ($Registry) ─► template ({{.Run.ID}}) ─► YAML ─► defaults, checks ─► graph of steps
//
// A file is a stranger's. Every stage is bounded: see [Input] and the constants of bounds.go.
package taskfile
