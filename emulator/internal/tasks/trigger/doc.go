// Package trigger decides what sets off a task (acr-tasks §1.5): the clock, an image that a task builds on, or a commit of
// which a webhook tells.
//
// It is pure: who holds the documents asks it, and starts the runs.
package trigger
