package azure

import (
	"slices"
	"testing"
)

// TestRegions: a region that is written as people write it, as a seed file may, is the same one.
func TestRegions(t *testing.T) {
	s, err := Load(documentsOf(t,
		`{"id":"`+testRegistry+`","location":"West Europe","sku":{"name":"Premium"}}`,
		`{"id":"`+testRegistry+`/replications/far","location":"UK South"}`,
		`{"id":"`+testRegistry+`/replications/home","location":"westeurope"}`,
		`{"id":"`+testRegistry+`/replications/eastus"}`,
	))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := Regions(s, MustParseResourceID(testRegistry)), []string{"westeurope", "eastus", "uksouth"}; !slices.Equal(got, want) {
		t.Errorf("the regions are %v, not %v", got, want)
	}
	for name, valid := range map[string]bool{"westeurope": true, "eastus2": true, "": false, "west europe": false, "2east": false, "a/b": false} {
		if ValidRegion(name) != valid {
			t.Errorf("%q is valid: %v", name, !valid)
		}
	}
}
