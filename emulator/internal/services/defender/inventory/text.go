package inventory

import (
	"bufio"
	"errors"
	"io"
	"path"
	"strings"
)

// textual returns what reads a file by its path, nil if it is none that lists packages or names the system. Of packages it
// reads one more than there may be.
func textual(name string) func(string, io.Reader, int) (found, error) {
	switch name {
	case "var/lib/dpkg/status":
		return readDebian
	case "lib/apk/db/installed", "usr/lib/apk/db/installed":
		return readAlpine
	case "etc/os-release", "usr/lib/os-release":
		return readSystem
	}
	if path.Dir(name) == "var/lib/dpkg/status.d" && !strings.HasSuffix(name, ".md5sums") {
		return readDebian // as images without dpkg have it
	}
	return nil
}

// maxLine is the longest line that is understood, in bytes. Longer ones are passed over: no name or version has it.
const maxLine = 64 << 10

// lines calls each with every line of a text, without its end.
func lines(r io.Reader, each func(line string)) error {
	b := bufio.NewReaderSize(r, maxLine)
	for tooLong := false; ; {
		line, err := b.ReadSlice('\n')
		more := errors.Is(err, bufio.ErrBufferFull)
		if len(line) > 0 && !more && !tooLong {
			each(strings.TrimRight(string(line), "\r\n"))
		}
		tooLong = more
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !more:
			return err
		}
	}
}

// paragraphs calls each with the fields of every paragraph of a text, those that are asked for.
func paragraphs(r io.Reader, fields []string, each func(map[string]string)) error {
	current := map[string]string{}
	finish := func() {
		if len(current) > 0 {
			each(current)
			current = map[string]string{}
		}
	}
	err := lines(r, func(line string) {
		if strings.TrimSpace(line) == "" {
			finish()
			return
		}
		for _, field := range fields {
			if value, ok := strings.CutPrefix(line, field+":"); ok {
				current[field] = strings.TrimSpace(value)
			}
		}
	})
	finish()
	return err
}

// readDebian reads dpkg's status (dpkg-query(1), "Status"). What is not installed any more, or only selected, is left out.
func readDebian(name string, r io.Reader, most int) (found, error) {
	var f found
	err := paragraphs(r, []string{"Package", "Version", "Source", "Status"}, func(of map[string]string) {
		if len(f.packages) > most || of["Package"] == "" || of["Version"] == "" || !installed(of["Status"]) {
			return
		}
		p := Package{Ecosystem: Debian, Name: of["Package"], Version: of["Version"], Path: name}
		p.Source, p.SourceVersion = p.Name, p.Version
		if source, version, differs := strings.Cut(of["Source"], " ("); source != "" {
			p.Source = source
			if differs {
				p.SourceVersion = strings.TrimSuffix(version, ")")
			}
		}
		f.packages = append(f.packages, p)
	})
	return f, err
}

// installed reports whether a status is that of a package whose files are there. Images without dpkg have no status.
func installed(status string) bool {
	words := strings.Fields(status)
	return len(words) == 0 || len(words) == 3 && words[2] != "not-installed" && words[2] != "config-files"
}

// readAlpine reads the list of apk (apk-installed(5)).
func readAlpine(name string, r io.Reader, most int) (found, error) {
	var f found
	err := paragraphs(r, []string{"P", "V", "o"}, func(of map[string]string) {
		if len(f.packages) > most || of["P"] == "" || of["V"] == "" {
			return
		}
		p := Package{Ecosystem: Alpine, Name: of["P"], Version: of["V"], Source: of["P"], SourceVersion: of["V"], Path: name}
		if of["o"] != "" {
			p.Source = of["o"]
		}
		f.packages = append(f.packages, p)
	})
	return f, err
}

// readSystem reads os-release (os-release(5)).
func readSystem(_ string, r io.Reader, _ int) (found, error) {
	s := &System{}
	err := lines(r, func(line string) {
		name, value, _ := strings.Cut(line, "=")
		value = strings.Trim(value, `"'`)
		switch name {
		case "ID":
			s.ID = strings.ToLower(value)
		case "VERSION_ID":
			s.Version = value
		case "PRETTY_NAME":
			s.Name = value
		}
	})
	if *s == (System{}) {
		s = nil
	}
	return found{system: s}, err
}
