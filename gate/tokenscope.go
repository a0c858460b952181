package gate

import (
	"fmt"
	"strings"
)

// TokenScope is one scope of an ACR access token, such as repository:hello-world:pull,push (acr-behaviour §4.4).
type TokenScope struct {
	// Type is repository, registry or artifact-repository.
	Type string
	// Name is the repository's name, or catalog. "*" covers every repository.
	Name string
	// actions are the scope's actions.
	actions tokenActions
}

// tokenActions is a set of token scope actions.
type tokenActions uint16

const (
	tokenPull tokenActions = 1 << iota
	tokenPush
	tokenDelete
	tokenMetadataRead
	tokenMetadataWrite
	tokenDeletedRead
	tokenDeletedRestore
	tokenCatalog // registry:catalog:*

	anyTokenAction = tokenCatalog<<1 - 1
)

// tokenActionNames are the actions of repository scopes, in the order in which they are printed.
var tokenActionNames = []struct {
	name   string
	action tokenActions
}{
	{"pull", tokenPull},
	{"push", tokenPush},
	{"delete", tokenDelete},
	{"metadata_read", tokenMetadataRead},
	{"metadata_write", tokenMetadataWrite},
	{"deleted_read", tokenDeletedRead},
	{"deleted_restore", tokenDeletedRestore},
}

const (
	repositoryScope = "repository"
	registryScope   = "registry"
	helmScope       = "artifact-repository" // Helm 2 (acr-behaviour §2.4)
	catalogName     = "catalog"
	allActions      = tokenCatalog - 1
)

// maxTokenScope bounds one scope in bytes.
const maxTokenScope = 1024

// ParseTokenScope reads TYPE:NAME:ACTION[,ACTION…]. Actions that ACR does not know are left out.
func ParseTokenScope(s string) (TokenScope, error) {
	kind, rest, ok := strings.Cut(s, ":")
	at := strings.LastIndexByte(rest, ':')
	if !ok || at < 0 || len(s) > maxTokenScope {
		return TokenScope{}, fmt.Errorf("token scope %.80q is not of the form repository:NAME:ACTION,ACTION", s)
	}
	return NewTokenScope(kind, rest[:at], strings.Split(rest[at+1:], ","))
}

// NewTokenScope makes a scope from its parts, as an access token's access claim lists them.
func NewTokenScope(kind, name string, actions []string) (TokenScope, error) {
	scope := TokenScope{Type: kind, Name: name}
	switch {
	case kind == registryScope && name == catalogName:
		scope.actions = catalogActions(actions)
	case (kind == repositoryScope || kind == helmScope) && (name == "*" || validRepository(name)):
		scope.actions = repositoryActions(actions)
	default:
		return TokenScope{}, fmt.Errorf("token scope %.80q: %.80q is neither a repository nor the catalog", kind+":"+name, name)
	}
	return scope, nil
}

func catalogActions(actions []string) tokenActions {
	for _, a := range actions {
		if a == "*" {
			return tokenCatalog
		}
	}
	return 0
}

func repositoryActions(actions []string) tokenActions {
	var set tokenActions
	for _, a := range actions {
		if a == "*" {
			return allActions
		}
		for _, row := range tokenActionNames {
			if row.name == a {
				set |= row.action
			}
		}
	}
	return set
}

// Actions returns the scope's actions by name.
func (t TokenScope) Actions() []string {
	if t.actions&tokenCatalog != 0 {
		return []string{"*"}
	}
	var names []string
	for _, row := range tokenActionNames {
		if t.actions&row.action != 0 {
			names = append(names, row.name)
		}
	}
	return names
}

// String returns TYPE:NAME:ACTION,ACTION.
func (t TokenScope) String() string {
	return t.Type + ":" + t.Name + ":" + strings.Join(t.Actions(), ",")
}

// covers reports whether the scope is good for the operation.
func (t TokenScope) covers(op Operation) bool {
	if operations[op.Kind].token&t.actions == 0 {
		return false
	}
	return op.Kind == OpCatalog || t.Name == op.Repository || t.Name == "*"
}

// scopeFor returns the scope that a challenge for the operation asks for, if there is one (acr-behaviour §2.4, §4.4).
func scopeFor(op Operation) (TokenScope, bool) {
	switch {
	case op.Kind == OpCatalog:
		return TokenScope{Type: registryScope, Name: catalogName, actions: tokenCatalog}, true
	case op.Repository == "" || op.Kind == OpUnknown:
		return TokenScope{}, false
	}
	scope := TokenScope{Type: repositoryScope, Name: op.Repository, actions: operations[op.Kind].token}
	switch op.Kind {
	case OpPush:
		scope.actions |= tokenPull
	case OpListTags:
		scope.actions = tokenMetadataRead
	}
	return scope, true
}
