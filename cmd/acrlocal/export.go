package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/goccy/go-yaml"
)

type exportCommand struct {
	manage
	Secrets bool `help:"Leave in the secrets of applications and the passwords of users: without them nobody logs in with the copy but the development principal and managed identities."`
	JSON    bool `help:"Print JSON."`
}

// Help shows what an export is for.
func (*exportCommand) Help() string {
	return `Images are not in it, nor the passwords of admin users and repository-scoped tokens.

Examples:
  acrlocal export > state.yaml
  acrlocal up --config state.yaml`
}

// Run prints the state.
func (c *exportCommand) Run(ctx context.Context, io streams) error {
	var exported json.RawMessage
	if err := c.get(ctx, fmt.Sprintf("/api/export?secrets=%t", c.Secrets), &exported); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(io.out, exported)
	}
	text, err := yaml.JSONToYAML(exported)
	if err != nil {
		return err
	}
	_, err = io.out.Write(text)
	return err
}
