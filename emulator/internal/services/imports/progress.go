package imports

import "sync"

// progress is how much of an import is done.
type progress struct {
	total int64 // bytes
	tell  func(percent int)

	mu    sync.Mutex
	whole int64 // bytes of the blobs that are there
	part  int64 // bytes of the one that is on its way
	told  int64
}

// moved notes bytes on their way.
func (p *progress) moved(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.part += bytes
	p.report()
}

// arrived notes that a blob is there, whether or not it had to be sent.
func (p *progress) arrived(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.whole, p.part = p.whole+bytes, 0
	p.report()
}

// report tells of each per cent once, and never of the last: manifests and tags are to come.
func (p *progress) report() {
	if p.total <= 0 {
		return
	}
	if percent := min((p.whole+p.part)*100/p.total, 99); percent > p.told {
		p.told = percent
		p.tell(int(percent))
	}
}
