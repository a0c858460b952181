// Package instances is Azure Container Instances: it runs the containers of container groups, pulling their images at the
// group's place as the group's identity.
//
// What a group is to be is its document; how it is doing is in memory here, and [Service.Show] puts it into what Resource
// Manager answers. The [Service] follows the documents: a group that appears is begun, one that goes is ended, and one whose
// containers change is begun anew, whoever wrote that.
//
// Azure looks at the images before it takes a group on, and makes nothing where one is not accessible (error code
// InaccessibleImage; azure-docs#45129, azure-cli#28883). Here the group is made, since an identity is trusted as that of a
// resource that exists; its operation fails with that code and text, the events say what the registry said, and the pull is
// tried again, later and later. A system-assigned identity, which can have no role before its group exists, is given three
// attempts before the operation fails.
//
// The containers of a group share an [executor.Network]. In Azure they find each other at localhost, since they share a network
// namespace; here each has its own, and finds the others by their names. Ports and public addresses are shown, and lead
// nowhere. What is kept of a group while it runs goes with the emulator: one that was stopped runs again at the next start.
package instances
