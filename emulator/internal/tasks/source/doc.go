// Package source brings the files that a run works with to its workspace: what a client uploaded, a tar archive of a
// server, a git repository, or an artifact of a registry (acr-tasks §1.4).
//
// [Parse] says what a context is, and refuses what is outside of the emulator. A [Fetcher] fetches it. Whatever comes is a
// stranger's: it is unpacked by os.Root, within [Limits], and nothing of it is run.
package source
