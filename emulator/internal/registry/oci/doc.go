// Package oci serves the content of one registry: the OCI distribution API under /v2/ and ACR's own under /acr/v1/, without
// access control, which is the business of the gate in front of it. It is the only importer of github.com/distribution/distribution.
//
// Who does what:
//
//   - Reads, listings, referrers and deletions are handlers of this package, answered from rows (store.Content) and, for
//     blobs, files.
//   - So are the sessions of uploads: which there are, how far they have come, mounts. A blob that comes whole with one POST,
//     and images seeded without HTTP, are written by this package too.
//   - The bytes of other uploads, their digests, which survive a restart in the middle, and the validation of manifests are
//     distribution's: its storage, without its server, on a StorageDriver that shows it the rows under the paths it expects.
//     What distribution would write as links the driver accepts and forgets: once distribution is content, the handler
//     commits the rows, each push in one transaction, and only then is the client told.
//
// So there is one truth, the rows. A file without a row does not exist; a row is written only after its file is complete
// and in place; an upload that was cut off goes on at the last acknowledged byte. Killing the process at any moment loses
// nothing acknowledged and leaves nothing dangling, at worst a file that Sweep removes.
//
// What ACR tells of an image beside its bytes (size, platform, media type of the config) is read when it is pushed, and which
// blobs it needs too: those that no manifest of a repository needs any more go with a later Sweep.
//
// Files lie in BlobDir/REGISTRY/sha256/XX/HEX, uploads in BlobDir/REGISTRY/uploads/UUID. Registries share no file. A blob
// that clients name by its sha512 digest is stored under its sha256 digest too: the row knows both.
//
// Chosen where ACR's behaviour is not recorded: an index may name manifests that are not there; non-distributable layers
// may be missing; mounting needs the repository to mount from; lists hold at most 1,000 items a page;
// a list by time whose last item is gone begins again; a repository that is locked against deletion outlives its last
// manifest; quarantine and soft delete are not there.
package oci
