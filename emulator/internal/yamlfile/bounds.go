package yamlfile

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml/token"
)

// bounds counts what is open at a token. Brackets tell how deep they are; what stands without them is as deep as the
// number of columns at which its lists and mappings begin.
type bounds struct {
	limits                     Limits
	open                       []block
	brackets, prefixes, begins int
	before                     *token.Token
}

// block is a list or mapping without brackets that is open.
type block struct {
	column, entries int
	list            bool
}

func (b *bounds) note(t *token.Token) error {
	switch t.Type {
	case token.SequenceStartType, token.MappingStartType:
		b.brackets++
	case token.SequenceEndType, token.MappingEndType:
		b.brackets--
	case token.DocumentHeaderType:
		b.open, b.brackets = nil, 0
		b.begins++
	case token.SequenceEntryType:
		b.enter(t.Position.Column, true)
	case token.MappingKeyType:
		b.enter(t.Position.Column, false)
	case token.MappingValueType:
		b.key(t)
	}
	if b.prefixes++; t.Type != token.AnchorType && t.Type != token.TagType && (b.before == nil || b.before.Type != token.AnchorType) {
		b.prefixes = 0
	}
	b.before = t
	return b.exceeded()
}

// key notes a key, which stands before its colon.
func (b *bounds) key(colon *token.Token) {
	if b.brackets > 0 {
		return
	}
	column := colon.Position.Column
	if b.before != nil && b.before.Position.Line == colon.Position.Line {
		column = b.before.Position.Column
	}
	b.enter(column, false)
}

// enter notes an entry of the list or mapping at a column; what is further right has ended.
func (b *bounds) enter(column int, list bool) {
	last := len(b.open) - 1
	for last >= 0 && (b.open[last].column > column || b.open[last].column == column && b.open[last].list && !list) {
		last--
	}
	b.open = b.open[:last+1]
	if last < 0 || b.open[last].column < column || b.open[last].list != list {
		b.open = append(b.open, block{column: column, list: list})
		last++
	}
	b.open[last].entries++
}

func (b *bounds) exceeded() error {
	last := len(b.open) - 1
	switch {
	case b.before.Type == token.InvalidType:
		return errors.New(b.before.Error)
	case b.brackets+len(b.open)+b.prefixes > b.limits.Depth:
		return fmt.Errorf("lists and mappings are nested more than %d deep", b.limits.Depth)
	case b.begins > b.limits.Documents:
		return fmt.Errorf("the file has more than %d documents", b.limits.Documents)
	case last >= 0 && !b.open[last].list && b.open[last].entries > b.limits.Entries:
		return fmt.Errorf("a mapping has more than %d entries", b.limits.Entries)
	}
	return nil
}
