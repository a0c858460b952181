// Package tasks is the runtime of ACR Tasks: it queues runs, carries them out, keeps their logs, and starts them when a
// timer, a new base image or a commit says so (acr-tasks §1).
//
// A run works at a place of the imagined network: that of its task, one outside all networks for a quick run, or a machine
// of an agent pool. Whatever it asks of a registry goes through the gate from there, by package agent; nothing here
// knows the gate or the content of a registry. What is known of a run is a document, so that the control plane shows it and a
// restart finds it.
//
//	request ─► plan ─► source ─► task (package taskfile) ─► logins ─► volumes ─► graph of steps ─► digests ─► document, log
//
// Texts are those of ACR's own engine, as public logs show them (acr-tasks §1.6, §4.3).
package tasks
