// Package blob speaks the dialect of Azure Storage as far as ACR Tasks need it: where clients put the source of a run, and
// where they read its log while it grows (acr-tasks §1.4, §1.6; az-cli §6.1).
//
//	az, SDKs ──HTTP──► ServeAccount ──► signature ──► Store ◄── Create, Append, SetMetadata, Open ── runs
//	                                                    │
//	                                                    ▼
//	                                     one directory, files with random names
//
// Every request has to be signed: a URL that [Store.Sign] made names one blob, what may be done with it and until when, as a
// service SAS of Storage does. Nobody lists anything. No name that a client chooses is a path on this machine.
//
// A [Store] is bounded in bytes, in blobs and in age; what is oldest goes first. It keeps its blobs over a restart if its
// directory stays.
package blob
