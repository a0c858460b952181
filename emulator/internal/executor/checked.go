package executor

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// maxLayer is the most that one layer may hold, in bytes.
const maxLayer = 16 << 30

// checked reads a layer's content and takes its digest on the way.
type checked struct {
	from io.Reader
	want string
	hash hash.Hash
}

// Read reads on.
func (c *checked) Read(p []byte) (int, error) {
	if c.hash == nil {
		c.hash = sha256.New()
	}
	n, err := c.from.Read(p)
	c.hash.Write(p[:n])
	return n, err
}

// check compares the digest of what was read with what it should be.
func (c *checked) check() error {
	if c.hash == nil {
		c.hash = sha256.New()
	}
	if got := hex.EncodeToString(c.hash.Sum(nil)); got != c.want {
		return fmt.Errorf("its content has the digest sha256:%s", got)
	}
	return nil
}
