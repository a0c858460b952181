// Package store describes what the emulator keeps: documents (ARM resources, Graph objects) and the rows behind a
// registry's content (repositories, manifests, tags, blobs, uploads). It holds types and interfaces only; package
// store/sqlite implements them, and store/storetest is what every implementation has to pass.
//
// Documents are the emulator's configuration. Each commit that changes them raises one number, the revision, which every
// snapshot, decision and answer then carries. Content has no revision: a push changes what is served, never who may have it.
//
// Rows are the only truth about content (design, "One truth for content"). Bytes of blobs are files beside the store, and a
// file without a row does not exist; bytes of manifests are part of their row, so a manifest can never lose its body.
package store
