// Package emulator is a local Azure Container Registry that enforces what the real one enforces: firewall rules,
// private endpoints, the trusted-services bypass, and AcrPull and AcrPush.
//
// [New] makes one from [Options], [Emulator.Start] opens its two listeners, [Emulator.Close] ends it. Several run in
// one process. The service listener answers only what Azure has; the management listener answers only what Azure does
// not have: decisions, health, and the proxy through which a program runs at a place.
//
// The state is a set of documents, as Azure Resource Manager and Microsoft Graph return them. A write goes through one
// function: document, store, projection to gate.Policy, compiled snapshot, swap. Every request to a login server is
// decided by gate, and nothing else decides.
package emulator
