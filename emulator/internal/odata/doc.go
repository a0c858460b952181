// Package odata reads the part of OData's $filter that clients of Resource Manager and of Microsoft Graph write (OData 4.01,
// URL conventions §5.1.1). It knows the form alone: which properties and functions there are, and how they compare, is for
// the service that is asked.
package odata
