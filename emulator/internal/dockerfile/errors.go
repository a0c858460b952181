package dockerfile

import "errors"

var errUnbuilt = errors.New("nothing is built yet")
