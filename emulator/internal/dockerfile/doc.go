// Package dockerfile builds an image from a Dockerfile and a context, without a Docker engine: the Dockerfile is read by
// BuildKit's parser, the layers are written by this package, and what RUN does is left to a network of package executor.
//
// A file system is a [tree] in memory whose files are read where they lie: in the context, in a layer, in the scratch
// directory. The context, a stage, and a foreign image are trees alike, so that COPY is one function. What an
// instruction changes in the tree of its stage becomes a layer.
//
// Where the documentation leaves a choice, images are made as the classic builder of Docker 20.10 makes them, which is what
// ACR Tasks runs unless it is told otherwise (acr-tasks §1.2, §1.6), and what only BuildKit knows (heredocs, --link, --chmod,
// RUN --mount) as BuildKit does.
package dockerfile
