package arm

import "github.com/acrlocal/acrlocal/emulator/internal/azure"

// region is one of Azure's, as far as clients look names up.
type region struct {
	name, geography, group, place, pair string // place is where the buildings stand
	latitude, longitude                 string
}

// regions are some of Azure's (az account list-locations). The name that clients use is the folded one without spaces.
var regions = []region{
	{"East US", "United States", "US", "Virginia", "westus", "37.3719", "-79.8164"},
	{"East US 2", "United States", "US", "Virginia", "centralus", "36.6681", "-78.3889"},
	{"West US 2", "United States", "US", "Washington", "westcentralus", "47.233", "-119.852"},
	{"North Europe", "Europe", "Europe", "Ireland", "westeurope", "53.3478", "-6.2597"},
	{"West Europe", "Europe", "Europe", "Netherlands", "northeurope", "52.3667", "4.9"},
	{"Sweden Central", "Sweden", "Europe", "Gävle", "swedensouth", "60.67488", "17.14127"},
	{"UK South", "United Kingdom", "Europe", "London", "ukwest", "50.941", "-0.799"},
	{"Germany West Central", "Germany", "Europe", "Frankfurt", "germanynorth", "50.110924", "8.682127"},
	{"Southeast Asia", "Asia Pacific", "Asia Pacific", "Singapore", "eastasia", "1.283", "103.833"},
	{"Australia East", "Australia", "Asia Pacific", "New South Wales", "australiasoutheast", "-33.86", "151.2094"},
}

func listLocations(c *call) (answer, error) {
	if _, err := c.authorizeSubscription("Microsoft.Resources/subscriptions/locations/read"); err != nil {
		return answer{}, err
	}
	above := "/subscriptions/" + c.segment(1) + "/locations/"
	var items []any
	for _, r := range regions {
		name := azure.RegionName(r.name)
		items = append(items, map[string]any{
			"id": above + name, "name": name, "type": "Region", "displayName": r.name, "regionalDisplayName": "(" + r.group + ") " + r.name,
			"metadata": map[string]any{
				"regionType": "Physical", "regionCategory": "Recommended", "geography": r.geography, "geographyGroup": r.group,
				"physicalLocation": r.place, "latitude": r.latitude, "longitude": r.longitude,
				"pairedRegion": []any{map[string]any{"id": above + r.pair, "name": r.pair}},
			},
		})
	}
	return list(items), nil
}

// regionNames are those of all regions, as people write them.
func regionNames() []any {
	var names []any
	for _, r := range regions {
		names = append(names, r.name)
	}
	return names
}
