package main

import "errors"

type fromCommand struct{ manage }

func (c *fromCommand) Run() error { return errors.New("soon") }
