package gate

// TrustedService is a row of the trusted services table: a service whose instances may pass the network rules of a
// registry, if the registry allows the bypass (the article, "Trusted services"; acr-behaviour §3.3).
type TrustedService struct {
	// Name is the service's name, as the article writes it.
	Name string
	// ResourceTypes are the kinds of resources that are its instances, such as
	// Microsoft.ContainerInstance/containerGroups. A first-party service has none: its principal names it.
	ResourceTypes []string
	// SystemAssigned says that an instance's system-assigned identity passes.
	SystemAssigned bool
	// UserAssigned says that a user-assigned identity of an instance passes.
	UserAssigned bool
	// TasksFlag says that networkRuleBypassAllowedForTasks has a say too (acr-behaviour §3.2).
	TasksFlag bool
	// Rights are the operations the service may do without a role; nil means that it needs one.
	Rights []OperationKind
}

// The names of the trusted services. A first-party principal refers to its service by name.
const (
	ContainerInstances    = "Azure Container Instances"
	DefenderForCloud      = "Microsoft Defender for Cloud"
	Tasks                 = "ACR Tasks"
	MachineLearning       = "Machine Learning"
	ContainerRegistryName = "Azure Container Registry" // the registry service itself, which imports images
)

// TrustedServices returns the article's table, with the resource types of acr-behaviour §3.3. App Service, virtual
// machines, AKS and Container Apps are not in it, and so are not trusted.
func TrustedServices() []TrustedService {
	return []TrustedService{
		{
			Name:           ContainerInstances,
			ResourceTypes:  []string{"Microsoft.ContainerInstance/containerGroups"},
			SystemAssigned: true, UserAssigned: true,
		},
		{
			Name:   DefenderForCloud,
			Rights: []OperationKind{OpSignIn, OpPull, OpListTags, OpViewAttributes, OpCatalog},
		},
		{
			Name:           Tasks,
			ResourceTypes:  []string{"Microsoft.ContainerRegistry/registries/tasks"},
			SystemAssigned: true, TasksFlag: true,
		},
		{
			Name: MachineLearning,
			ResourceTypes: []string{
				"Microsoft.MachineLearningServices/workspaces",
				"Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
			},
			SystemAssigned: true,
		},
		{
			Name:   ContainerRegistryName,
			Rights: []OperationKind{OpSignIn, OpPull, OpPush, OpListTags, OpViewAttributes},
		},
	}
}
