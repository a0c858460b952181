// Package inventory lists the packages in a container image: those of Debian's and Alpine's package managers, and the
// modules of Go binaries (acr-tasks §5.1). It reads the layers as they are stored, from the lowest to the highest, and
// unpacks nothing: what a layer takes away from those below it is taken out of the list.
//
// Layers are anybody's, so that everything is bounded: bytes, entries, sizes of files, numbers of packages.
package inventory

import (
	"context"
	"errors"
	"io"
)

// The ecosystems of packages, as OSV calls them. Those of distributions get a release behind a colon: Debian:12.
const (
	Debian = "Debian"
	Alpine = "Alpine"
	Go     = "Go"
)

// Package is an installed package.
type Package struct {
	// Ecosystem is whose package it is: Debian, Alpine or Go; for a distribution that derives from one of them its own name,
	// such as Ubuntu.
	Ecosystem string
	// Name and Version are as the package manager writes them; those of a Go module are its path and version.
	Name, Version string
	// Source and SourceVersion are the package that it was built from, by which advisories of distributions go; equal to Name
	// and Version where there is no other.
	Source, SourceVersion string
	// Path is the file that says so, without a leading slash.
	Path string
}

// System is the operating system of an image, as its os-release says; empty if it has none.
type System struct {
	// ID is its name in lower case, such as debian; Version its VERSION_ID, such as 12; Name its PRETTY_NAME.
	ID, Version, Name string
}

// List is what an image holds.
type List struct {
	System   System
	Packages []Package
}

// Layer opens a layer's bytes, compressed as they are stored.
type Layer func() (io.ReadCloser, error)

// Limits bound what is read of one image. The zero value is none at all; see DefaultLimits.
type Limits struct {
	Layers   int   // how many
	Bytes    int64 // of all layers together, unpacked, and of the files that are read
	Entries  int   // files of all layers together
	Text     int64 // bytes of a file that lists packages
	Binary   int64 // bytes of a program
	Packages int   // how many
}

// DefaultLimits are above what images have that people use.
var DefaultLimits = Limits{Layers: 500, Bytes: 32 << 30, Entries: 4 << 20, Text: 64 << 20, Binary: 1 << 30, Packages: 200_000}

// ErrTooLarge says that an image is beyond the limits.
var ErrTooLarge = errors.New("the image is too large to be scanned")

// Read lists what an image holds, whose layers come lowest first. scratch is a directory for a copy of one program at a
// time. Files that make no sense are passed over; a layer that cannot be read is an error.
func Read(ctx context.Context, layers []Layer, scratch string, limits Limits) (List, error) {
	if len(layers) > limits.Layers {
		return List{}, ErrTooLarge
	}
	r := &reader{limits: limits, scratch: scratch}
	defer r.close()
	below := newTree()
	for _, layer := range layers {
		above, err := r.layer(ctx, layer, below)
		if err != nil {
			return List{}, err
		}
		below.put(above)
	}
	return below.list(), nil
}
