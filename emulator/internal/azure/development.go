package azure

import (
	"crypto/sha1" //nolint:gosec // UUID version 5 is defined with SHA-1; nothing secret hangs on it
	"encoding/hex"
	"fmt"
	"regexp"
)

// The development identities: public, fixed, and printed at start (design.md, "Fixed development identities").
const (
	DevelopmentTenant       = "acac10ca-1000-4000-8000-000000000001"
	DevelopmentDomain       = "acrlocal.onmicrosoft.com" // the tenant's first domain
	DevelopmentSubscription = "acac10ca-2000-4000-8000-000000000001"
	// DevelopmentClientID is the application ID of the service principal that owns the subscription.
	DevelopmentClientID = "acac10ca-3000-4000-8000-000000000001"
	// DevelopmentPrincipal is the object ID of that service principal.
	DevelopmentPrincipal = "acac10ca-4000-4000-8000-000000000001"
	// DevelopmentSecret is its client secret. It opens the emulator and nothing else.
	DevelopmentSecret = "acrlocal-development-secret"
)

// The names of Azure's own services that pull or push images as themselves. Their object IDs are DerivedID of the name.
const (
	ServiceDefender = "service/defender" // Microsoft Defender for Cloud, which scans images
	ServiceImport   = "service/import"   // the registry service, which imports images
)

// DerivedID returns the GUID that stands for a name: UUID version 5 of the folded name in the namespace of the development
// tenant. The principal ID of an identity in the start-up state is that of its resource's ID; client IDs have "/clientId" after it.
func DerivedID(name string) string {
	namespace, _ := hex.DecodeString(DevelopmentTenant[:8] + DevelopmentTenant[9:13] + DevelopmentTenant[14:18] +
		DevelopmentTenant[19:23] + DevelopmentTenant[24:])
	sum := sha1.Sum(append(namespace, Fold(name)...)) //nolint:gosec // see the import
	sum[6] = sum[6]&0x0f | 0x50
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)

// IsGUID reports whether text has the form of a GUID, as object IDs and the names of roles and role assignments do.
func IsGUID(text string) bool { return guid.MatchString(text) }
