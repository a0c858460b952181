// Package graph is the HTTP of Microsoft Graph over the documents of the directory: users, groups, applications and service
// principals, as far as az and Terraform look principals up and create them (az-cli §3, §8).
//
//	              ┌────────┐   ┌──────────────┐   ┌───────────┐   ┌───────────────┐
//	request ─────►│ router ├──►│ authenticate ├──►│ authority ├──►│ table of kinds ├──► answer
//	              └────────┘   └──────────────┘   └───────────┘   └───────┬───────┘
//	               any case,    Backend            writes only             │ Backend.Apply
//	               v1.0 or beta                                            ▼
//
// What a kind of object has, and what a client may say of it, is a table of properties (properties.go). Managed identities
// and Azure's own services appear among the service principals, derived from the documents of resources, and cannot be
// written here.
//
// # Who may
//
// Every principal of the tenant may read. To write takes the right to give roles, since whoever can put somebody into a
// group, or a secret on an application, gives the roles that these have: Microsoft.Authorization/roleAssignments/write on
// the development subscription, and also at every scope where the object has a role, by itself or through groups and
// what it owns. An owner of an application, service principal or group may manage it without, as in Azure. Microsoft's
// directory roles are not imitated.
//
// Secrets are told once, by addPassword. No list, filter or $select shows one again.
package graph
