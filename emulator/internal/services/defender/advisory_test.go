package defender

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/services/defender/inventory"
)

// TestMatch: which versions of a package an advisory holds for.
func TestMatch(t *testing.T) {
	const openssl = `{"ecosystem": "Debian:12", "name": "openssl"}`
	for _, c := range []struct {
		name, of, affected string
		pkg                inventory.Package
		fixed              string
		found              bool
	}{
		{name: "before the fix", of: openssl, affected: `{"introduced": "0"}, {"fixed": "3.0.15-1~deb12u1"}`, pkg: debian("3.0.11-1~deb12u2"), fixed: "3.0.15-1~deb12u1", found: true},
		{name: "the fix itself", of: openssl, affected: `{"introduced": "0"}, {"fixed": "3.0.15-1~deb12u1"}`, pkg: debian("3.0.15-1~deb12u1")},
		{name: "a tilde comes first", of: openssl, affected: `{"introduced": "0"}, {"fixed": "3.0.15-1"}`, pkg: debian("3.0.15-1~deb12u1"), fixed: "3.0.15-1", found: true},
		{name: "an epoch", of: openssl, affected: `{"introduced": "0"}, {"fixed": "1:1.0"}`, pkg: debian("9.9"), fixed: "1:1.0", found: true},
		{name: "before it came", of: openssl, affected: `{"introduced": "3.0.12"}`, pkg: debian("3.0.11-1")},
		{name: "no fix yet", of: openssl, affected: `{"introduced": "3.0.1"}`, pkg: debian("3.0.11-1"), found: true},
		{name: "events in any order", of: openssl, affected: `{"fixed": "3.0.15"}, {"introduced": "0"}`, pkg: debian("3.0.11-1"), fixed: "3.0.15", found: true},
		{name: "between two ranges", of: openssl, affected: `{"introduced": "0"}, {"fixed": "2"}, {"introduced": "4"}, {"fixed": "5"}`, pkg: debian("3.0.11-1")},
		{name: "in the second of two", of: openssl, affected: `{"introduced": "0"}, {"fixed": "2"}, {"introduced": "3"}, {"fixed": "5"}`, pkg: debian("3.0.11-1"), fixed: "5", found: true},
		{name: "the last that is affected", of: openssl, affected: `{"introduced": "0"}, {"last_affected": "3.0.11-1"}`, pkg: debian("3.0.11-1"), found: true},
		{name: "after the last that is affected", of: openssl, affected: `{"introduced": "0"}, {"last_affected": "3.0.10-9"}`, pkg: debian("3.0.11-1")},
		{name: "of any release", of: `{"ecosystem": "Debian", "name": "openssl"}`, affected: `{"introduced": "0"}`, pkg: debian("1"), found: true},
		{name: "of another release", of: `{"ecosystem": "Debian:11", "name": "openssl"}`, affected: `{"introduced": "0"}`, pkg: debian("1")},
		{name: "by the name of the binary package", of: `{"ecosystem": "Debian:12", "name": "libssl3"}`, affected: `{"introduced": "0"}`, pkg: debian("1"), found: true},
		{name: "of another package", of: `{"ecosystem": "Debian:12", "name": "ssl"}`, affected: `{"introduced": "0"}`, pkg: debian("1")},
		{name: "a module", of: `{"ecosystem": "Go", "name": "example.com/m"}`, affected: `{"introduced": "1.0.0"}, {"fixed": "1.10.0"}`, pkg: module("v1.9.0"), fixed: "1.10.0", found: true},
		{name: "a module that is mended", of: `{"ecosystem": "Go", "name": "example.com/m"}`, affected: `{"introduced": "0"}, {"fixed": "1.9.0"}`, pkg: module("v1.10.0")},
		{name: "a module between versions", of: `{"ecosystem": "Go", "name": "example.com/m"}`, affected: `{"introduced": "0"}, {"fixed": "1.9.0"}`, pkg: module("v1.9.0-0.20250101000000-abcdefabcdef"), fixed: "1.9.0", found: true},
		{name: "a module without a version", of: `{"ecosystem": "Go", "name": "example.com/m"}`, affected: `{"introduced": "0.0.1"}`, pkg: module("(devel)")},
		{name: "Alpine's revisions are numbers", of: `{"ecosystem": "Alpine:v3.19", "name": "musl"}`, affected: `{"introduced": "0"}, {"fixed": "1.2.4-r10"}`, pkg: alpine("1.2.4-r9"), fixed: "1.2.4-r10", found: true},
		{name: "Alpine, mended", of: `{"ecosystem": "Alpine:v3.19", "name": "musl"}`, affected: `{"introduced": "0"}, {"fixed": "1.2.4-r2"}`, pkg: alpine("1.2.4-r10")},
		{name: "Alpine's candidates come first", of: `{"ecosystem": "Alpine:v3.19", "name": "musl"}`, affected: `{"introduced": "0"}, {"fixed": "1.2.4"}`, pkg: alpine("1.2.4_rc1"), fixed: "1.2.4", found: true},
		{name: "no version at all", of: openssl, affected: `{"introduced": "1"}`, pkg: debian("x:y")},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := advisories{}
			if err := all.add([]byte(`{"id": "EMU-1", "affected": [{"package": ` + c.of + `, "ranges": [{"type": "ECOSYSTEM", "events": [` + c.affected + `]}]}]}`)); err != nil {
				t.Fatal(err)
			}
			found := all.match(inventory.List{Packages: []inventory.Package{c.pkg}})
			if (len(found) == 1) != c.found || len(found) == 1 && found[0].Fixed != c.fixed {
				t.Errorf("%+v, want %v and %q", found, c.found, c.fixed)
			}
		})
	}
}

func debian(version string) inventory.Package {
	return inventory.Package{Ecosystem: "Debian:12", Name: "libssl3", Version: version, Source: "openssl", SourceVersion: version}
}

func alpine(version string) inventory.Package {
	return inventory.Package{Ecosystem: "Alpine:v3.19", Name: "musl", Version: version, Source: "musl", SourceVersion: version}
}

func module(version string) inventory.Package {
	return inventory.Package{Ecosystem: "Go", Name: "example.com/m", Version: version, Source: "example.com/m", SourceVersion: version}
}

// TestAdvisory: what an advisory may say beside its ranges.
func TestAdvisory(t *testing.T) {
	const affected = `"affected": [{"package": {"ecosystem": "Debian", "name": "openssl"}, "versions": ["1", "2"]%s}]`
	for _, c := range []struct{ name, advisory, version, severity string }{
		{"versions one by one", `{"id": "EMU-1", ` + affected + `}`, "2", "Medium"},
		{"a version that is not listed", `{"id": "EMU-1", ` + affected + `}`, "3", ""},
		{"withdrawn", `{"id": "EMU-1", "withdrawn": "2026-01-01T00:00:00Z", ` + affected + `}`, "2", ""},
		{"the database's severity", `{"id": "EMU-1", "database_specific": {"severity": "CRITICAL"}, ` + affected + `}`, "1", "High"},
		{"the distribution's urgency", `{"id": "EMU-1", ` + strings.Replace(affected, "%s", `, "ecosystem_specific": {"urgency": "unimportant"}`, 1) + `}`, "1", "Low"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := advisories{}
			if err := all.add([]byte(strings.Replace(c.advisory, "%s", "", 1))); err != nil {
				t.Fatal(err)
			}
			found := all.match(inventory.List{Packages: []inventory.Package{debian(c.version)}})
			if (len(found) == 1) != (c.severity != "") || len(found) == 1 && found[0].Severity != c.severity {
				t.Errorf("%+v, want severity %q", found, c.severity)
			}
		})
	}
}

// TestReadAdvisories: a directory is read at any depth; what is no advisory is named.
func TestReadAdvisories(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a/b/good.json": `{"id": "EMU-1", "affected": [{"package": {"ecosystem": "Go", "name": "m"}}]}`, "README.md": "no advisory",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := readAdvisories(dir); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	for _, content := range []string{"{", `{"summary": "without an id"}`, `[]`, `{"id": "` + strings.Repeat("x", maxAdvisory) + `"}`} {
		bad := filepath.Join(t.TempDir(), "bad.json")
		if err := os.WriteFile(bad, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readAdvisories(filepath.Dir(bad)); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%.20q: %v, want the file's name", content, err)
		}
	}
	if _, err := readAdvisories(filepath.Join(dir, "nosuch")); err == nil {
		t.Error("a directory that is not there has no error")
	}
}

// FuzzAdvisory: whatever an advisory says, and whatever version a package has, matching ends without a panic.
func FuzzAdvisory(f *testing.F) {
	f.Add([]byte(`{"id": "EMU-1", "affected": [{"package": {"ecosystem": "Debian:12", "name": "openssl"}, "ranges": [{"events": [{"introduced": "0"}, {"fixed": "2"}]}]}]}`), "1.2-3")
	f.Add([]byte(`{"id": "EMU-1", "affected": [{"package": {"ecosystem": "Alpine:v3.19", "name": "musl"}, "ranges": [{"events": [{"last_affected": "1_rc"}]}]}]}`), "1.2.4_rc1-r2")
	f.Add([]byte(`{"id": "EMU-1", "affected": [{"package": {"ecosystem": "Go", "name": "example.com/m"}, "ranges": [{"events": [{}]}]}]}`), "v1.0.0+incompatible")
	f.Fuzz(func(t *testing.T, data []byte, version string) {
		all := advisories{}
		if all.add(data) != nil {
			return
		}
		packages := []inventory.Package{debian(version), alpine(version), module(version)}
		for _, found := range all.match(inventory.List{Packages: packages}) {
			if weight[found.Severity] == 0 {
				t.Errorf("severity %q", found.Severity)
			}
		}
	})
}
