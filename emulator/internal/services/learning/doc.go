// Package learning is the part of Azure Machine Learning that pulls images: command jobs, which run a command in the image of
// an environment as their workspace, and deployments of online endpoints, which serve such an image as their endpoint.
//
// A job is a document that tells how it went, since it runs once: its status is written there. A deployment is kept like a
// container group: how it is doing is in memory, and it is begun again when the emulator is.
//
// Only a system-assigned identity passes the network rules of a registry (article, table of trusted services). A workspace
// or endpoint that has none uses its first user-assigned one, which does not.
package learning
