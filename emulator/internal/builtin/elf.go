package builtin

import (
	"archive/tar"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// architectures are the names that Go and OCI have for machines.
var architectures = [...]struct {
	machine elf.Machine
	name    string
}{
	{elf.EM_X86_64, "amd64"},
	{elf.EM_AARCH64, "arm64"},
	{elf.EM_386, "386"},
	{elf.EM_ARM, "arm"},
	{elf.EM_RISCV, "riscv64"},
	{elf.EM_S390, "s390x"},
	{elf.EM_PPC64, "ppc64le"},
}

// platform is what the executable is for. An error says that it is not for Linux.
func (l *layer) platform() (v1.Platform, error) {
	file, err := os.Open(l.executable)
	if err != nil {
		return v1.Platform{}, err
	}
	defer file.Close()
	f, err := elf.NewFile(file)
	if err != nil {
		return v1.Platform{}, fmt.Errorf("%s is no executable for Linux (%w): give a mirror, or an executable for Linux", l.executable, err)
	}
	for _, a := range &architectures {
		if a.machine == f.Machine {
			return v1.Platform{OS: "linux", Architecture: a.name}, nil
		}
	}
	return v1.Platform{}, fmt.Errorf("%s is for %v, of which no image is made", l.executable, f.Machine)
}

// maxLibraries bounds how many libraries are taken along.
const maxLibraries = 64

// libraries adds what an executable that is not static needs: programs that embed the emulator often use cgo.
func (l *layer) libraries(t *archive) {
	interpreter, queue, err := linked(l.executable)
	if err != nil || interpreter == "" {
		return // a static one; what is no ELF at all platform has refused
	}
	made := map[string]bool{"etc": true, "usr": true, "usr/bin": true, "bin": true}
	t.library(interpreter, made)
	seen := map[string]bool{filepath.Base(interpreter): true}
	for len(queue) > 0 && len(seen) < maxLibraries {
		name := queue[0]
		queue = queue[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		path := findLibrary(name)
		if path == "" {
			t.err = errors.Join(t.err, fmt.Errorf("%s needs the library %s, which is not here: build it with CGO_ENABLED=0", l.executable, name))
			return
		}
		_, more, err := linked(path)
		t.err = errors.Join(t.err, err)
		queue = append(queue, more...)
		t.library(path, made)
	}
}

// linked reads which dynamic linker an executable asks for, empty for none, and which libraries it needs.
func linked(path string) (interpreter string, needed []string, err error) {
	f, err := elf.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			text, err := io.ReadAll(io.LimitReader(p.Open(), 4096))
			if err != nil {
				return "", nil, err
			}
			interpreter = strings.TrimRight(string(text), "\x00")
		}
	}
	needed, err = f.ImportedLibraries()
	if errors.Is(err, elf.ErrNoSymbols) {
		err = nil
	}
	return interpreter, needed, err
}

// findLibrary finds a library where the dynamic linkers of the common distributions do.
func findLibrary(name string) string {
	if filepath.Base(name) != name {
		return ""
	}
	for _, pattern := range [...]string{"/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*", "/lib64", "/usr/lib64", "/lib", "/usr/lib"} {
		dirs, _ := filepath.Glob(pattern)
		for _, dir := range dirs {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				return path
			}
		}
	}
	return ""
}

// library adds a file of the machine under the same path, with the directories above it.
func (a *archive) library(path string, made map[string]bool) {
	name := strings.TrimPrefix(filepath.ToSlash(filepath.Clean(path)), "/")
	parts := strings.Split(name, "/")
	for i := range parts[:len(parts)-1] {
		dir := strings.Join(parts[:i+1], "/")
		if !made[dir] {
			made[dir] = true
			a.header(tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755})
		}
	}
	a.file(name, path)
}
