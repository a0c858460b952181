package main

import (
	"fmt"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// scripts complete the first word with the names of the commands, and flags with those of the command. They hold one
// place for the list, so that it cannot go stale.
var scripts = map[string]string{
	"bash": "_acrlocal() {\n  local words=\"%s\"\n  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\ncomplete -o default -F _acrlocal acrlocal\n",
	"zsh":  "#compdef acrlocal\n_acrlocal() {\n  local -a words\n  words=(%s)\n  _describe acrlocal words\n}\ncompdef _acrlocal acrlocal\n",
	"fish": "complete -c acrlocal -f -a \"%s\"\n",
}

// Run prints the script.
func (c *completionCommand) Run(io streams, k *kong.Kong) error {
	words := ""
	for _, child := range k.Model.Children {
		words += child.Name + " "
		for _, flag := range child.Flags {
			words += "--" + flag.Name + " "
		}
	}
	_, err := fmt.Fprintf(io.out, scripts[c.Shell], words)
	return err
}
