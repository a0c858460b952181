package sqlite

// version is written to a file's user_version: the number of migrations that the file has been through, and one. A file
// with a higher one is refused.
var version = len(migrations) + 1

// migrations lead from the first schema to the one of today, a step each. Steps are never changed once released: files
// have been through them. A new file goes through all.
var migrations = [...]string{
	// 2: what ACR tells of manifests, lists by time, and which blobs a manifest needs. Architecture is null in manifests
	// that nobody has looked at yet. Links that are there count as new, since an upload may be under way.
	`
ALTER TABLE manifests ADD COLUMN image_size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE manifests ADD COLUMN config_type TEXT NOT NULL DEFAULT '';
ALTER TABLE manifests ADD COLUMN architecture TEXT;
ALTER TABLE manifests ADD COLUMN os TEXT NOT NULL DEFAULT '';
CREATE INDEX undescribed ON manifests (registry) WHERE architecture IS NULL;
CREATE INDEX manifests_by_time ON manifests (registry, repository, updated, digest);
CREATE INDEX tags_by_time ON tags (registry, repository, updated, name);
ALTER TABLE links ADD COLUMN linked INTEGER NOT NULL DEFAULT 0;
UPDATE links SET linked = unixepoch() * 1000000000;
CREATE TABLE parts (
	registry TEXT, repository TEXT, blob TEXT, manifest TEXT,
	PRIMARY KEY (registry, repository, blob, manifest)) WITHOUT ROWID;
CREATE INDEX parts_of ON parts (registry, repository, manifest);
`,
}

// schema is the first one. It keeps text keys as clients write them: rows can be read with any SQLite shell, and a page of a list is one seek in
// a primary key. Only manifests has a rowid, since its bodies are too long for a tree that keeps rows beside keys.
// Attributes are a bit set, so that the rights of a tag, its manifest and its repository meet with &.
const schema = `
CREATE TABLE revision (value INTEGER NOT NULL);
INSERT INTO revision VALUES (0);
CREATE TABLE documents (
	key TEXT PRIMARY KEY, id TEXT NOT NULL, kind TEXT NOT NULL, type TEXT NOT NULL,
	body BLOB NOT NULL, etag TEXT NOT NULL, revision INTEGER NOT NULL);
CREATE TABLE repositories (
	registry TEXT, name TEXT, created INTEGER NOT NULL, updated INTEGER NOT NULL, attributes INTEGER NOT NULL DEFAULT 15,
	PRIMARY KEY (registry, name)) WITHOUT ROWID;
CREATE TABLE manifests (
	registry TEXT, repository TEXT, digest TEXT, media_type TEXT NOT NULL, artifact_type TEXT NOT NULL, subject TEXT NOT NULL,
	annotations BLOB, size INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
	attributes INTEGER NOT NULL DEFAULT 15, body BLOB NOT NULL,
	PRIMARY KEY (registry, repository, digest));
CREATE INDEX referrers ON manifests (registry, repository, subject, digest) WHERE subject <> '';
CREATE TABLE tags (
	registry TEXT, repository TEXT, name TEXT, digest TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
	attributes INTEGER NOT NULL DEFAULT 15,
	PRIMARY KEY (registry, repository, name)) WITHOUT ROWID;
CREATE INDEX tags_of ON tags (registry, repository, digest);
CREATE TABLE blobs (
	registry TEXT, digest TEXT, stored TEXT NOT NULL, size INTEGER NOT NULL,
	PRIMARY KEY (registry, digest)) WITHOUT ROWID;
CREATE INDEX names_of ON blobs (registry, stored);
CREATE TABLE links (
	registry TEXT, repository TEXT, digest TEXT,
	PRIMARY KEY (registry, repository, digest)) WITHOUT ROWID;
CREATE INDEX links_of ON links (registry, digest);
CREATE TABLE uploads (
	registry TEXT, uuid TEXT, repository TEXT NOT NULL, started INTEGER NOT NULL, size INTEGER NOT NULL, state BLOB,
	PRIMARY KEY (registry, uuid)) WITHOUT ROWID;
`

// tables are those that hold content, one registry's rows told from another's by the column registry.
var tables = [...]string{"repositories", "manifests", "tags", "blobs", "links", "parts", "uploads"}
