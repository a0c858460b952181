package acr

import (
	"context"
	"errors"
	"fmt"
)

// open connects to the registry, with a token for the one repository that the command is about.
func (s *session) open(ctx context.Context) (*client, string, error) {
	repository := s.arguments.String("repository")
	if repository == "" {
		return nil, "", errors.New(`required flag(s) "repository" not set`)
	}
	c, err := s.connect(ctx)
	if err != nil {
		return nil, "", err
	}
	return c, repository, c.limit(ctx, []string{repository})
}

func listTags(ctx context.Context, s *session) error {
	c, repository, err := s.open(ctx)
	if err != nil {
		return err
	}
	var all []tag
	for last := ""; ; {
		page, next, err := c.tags(ctx, repository, "", last)
		if err != nil {
			return fmt.Errorf("failed to list tags: %w", err)
		}
		all = append(all, page...)
		if last = next; last == "" {
			break
		}
	}
	s.printf("Listing tags for the %q repository:\n", repository)
	for _, t := range all {
		s.printf("%s/%s:%s\n", c.loginServer, repository, t.Name)
	}
	return nil
}

func deleteTags(ctx context.Context, s *session) error {
	c, repository, err := s.open(ctx)
	if err != nil {
		return err
	}
	for _, name := range s.arguments.Rest {
		if err := c.deleteTag(ctx, repository, name); err != nil {
			return fmt.Errorf("failed to delete tags: %w", err)
		}
		s.printf("%s/%s:%s\n", c.loginServer, repository, name)
	}
	return nil
}

func listManifests(ctx context.Context, s *session) error {
	c, repository, err := s.open(ctx)
	if err != nil {
		return err
	}
	all, err := c.manifests(ctx, repository)
	if err != nil {
		return fmt.Errorf("failed to list manifests: %w", err)
	}
	s.printf("Listing manifests for the %q repository:\n", repository)
	for _, m := range all {
		s.printf("%s/%s@%s\n", c.loginServer, repository, m.Digest)
	}
	return nil
}

func deleteManifests(ctx context.Context, s *session) error {
	c, repository, err := s.open(ctx)
	if err != nil {
		return err
	}
	for _, digest := range s.arguments.Rest {
		if err := c.deleteManifest(ctx, repository, digest); err != nil {
			return fmt.Errorf("failed to delete manifests: %w", err)
		}
		s.printf("%s/%s@%s\n", c.loginServer, repository, digest)
	}
	return nil
}
