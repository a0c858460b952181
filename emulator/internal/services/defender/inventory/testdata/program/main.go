// Program is built by the tests of package inventory, which list its modules.
package main

import (
	"fmt"

	"github.com/Masterminds/semver/v3"
	"github.com/klauspost/compress/zstd"
)

func main() { fmt.Println(semver.MustParse("1.0.0"), zstd.MinWindowSize) }
