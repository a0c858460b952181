package inventory

import (
	"archive/tar"
	"bufio"
	"bytes"
	"debug/buildinfo"
	"io"
	"os"
	"runtime/debug"
	"strings"
)

// formats are how programs begin that can have been written in Go: ELF, Windows, macOS.
var formats = [][]byte{
	[]byte("\x7fELF"), []byte("MZ"), []byte("\xfe\xed\xfa"), []byte("\xcf\xfa\xed\xfe"), []byte("\xce\xfa\xed\xfe"),
}

// executable reads the modules of a program, if it is one of Go's. It is copied, since what says so lies anywhere in it;
// other programs cost that too, but are not kept.
func (r *reader) executable(name string, h *tar.Header, content io.Reader) (found, error) {
	if h.Mode&0o111 == 0 && !strings.HasSuffix(name, ".exe") || h.Size > r.limits.Binary || h.Size < 4 {
		return found{}, nil
	}
	peeked := bufio.NewReaderSize(content, 32<<10)
	begin, err := peeked.Peek(4)
	if err != nil {
		return found{}, err
	}
	if !isProgram(begin) {
		return found{}, nil
	}
	if err := r.expect(h); err != nil {
		return found{}, err
	}
	file, err := r.copy(peeked)
	if err != nil {
		return found{}, err
	}
	info, ok := modules(file)
	if !ok {
		return found{}, nil
	}
	return found{packages: packagesOf(info, name)}, nil
}

func isProgram(begin []byte) bool {
	for _, format := range formats {
		if bytes.HasPrefix(begin, format) {
			return true
		}
	}
	return false
}

// copy copies a program to the one file that there is for that.
func (r *reader) copy(content io.Reader) (*os.File, error) {
	if r.program == nil {
		file, err := os.CreateTemp(r.scratch, "program-")
		if err != nil {
			return nil, err
		}
		r.program = file
		_ = os.Remove(file.Name()) // where a file can go on without a name, nothing is left of it however this ends
	}
	if _, err := r.program.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	n, err := io.Copy(r.program, content)
	if err != nil {
		return nil, err
	}
	return r.program, r.program.Truncate(n)
}

// modules reads what the go command wrote into a program. The standard library does not promise to bear with every file.
func modules(file io.ReaderAt) (info *buildinfo.BuildInfo, ok bool) {
	defer func() {
		if recover() != nil {
			info, ok = nil, false
		}
	}()
	info, err := buildinfo.Read(frugal{file})
	return info, err == nil
}

// maxRead is the longest read of a program, in bytes: what names its modules is far shorter, and would be held in memory.
const maxRead = 8 << 20

// frugal is a program of which little is read at a time.
type frugal struct{ io.ReaderAt }

// ReadAt implements io.ReaderAt.
func (f frugal) ReadAt(p []byte, at int64) (int, error) {
	if len(p) > maxRead {
		return 0, ErrTooLarge
	}
	return f.ReaderAt.ReadAt(p, at)
}

// Stdlib is the name of Go's standard library among its modules, as OSV has it.
const Stdlib = "stdlib"

// packagesOf are the modules that go version -m lists, those that replace others in their place, and the standard library.
func packagesOf(info *buildinfo.BuildInfo, name string) []Package {
	var all []Package
	add := func(module, version string) {
		if module != "" && version != "" {
			all = append(all, Package{Ecosystem: Go, Name: module, Version: version, Source: module, SourceVersion: version, Path: name})
		}
	}
	add(Stdlib, strings.TrimPrefix(info.GoVersion, "go"))
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		for m != nil && m.Replace != nil {
			m = m.Replace
		}
		if m != nil {
			add(m.Path, m.Version)
		}
	}
	return all
}
