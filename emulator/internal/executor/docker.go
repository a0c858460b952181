package executor

import "context"

// openDocker opens the executor of a Docker engine. Its error is an *UnavailableError.
func openDocker(context.Context, Options) (Executor, error) {
	return nil, &UnavailableError{"this build has no way to talk to a Docker engine"}
}
