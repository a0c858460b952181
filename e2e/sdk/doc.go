// Package sdk lets the unmodified Azure SDK for Go judge the control plane: what it sends must be taken, and what comes back
// must be, in the SDK's own types, what was sent.
package sdk
