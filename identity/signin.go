package identity

import (
	"sync"
	"time"
)

// user returns a user who may have tokens.
func (c *call) user(by By, name string) (Principal, error) {
	found, ok := c.Directory.Find(by, name)
	switch {
	case !ok || found.Kind != User:
		return Principal{}, newFault(unknownUser, c.Issuer.Tenant)
	case found.Disabled:
		return Principal{}, newFault(disabledUser)
	}
	return found, nil
}

// signIn returns the user who has this password. Who does not know the password learns nothing of the account but that it
// exists, as in Entra.
func (c *call) signIn(name, password string) (Principal, error) {
	found, ok := c.Directory.Find(ByUserName, name)
	if !ok || found.Kind != User {
		return Principal{}, newFault(unknownUser, c.Issuer.Tenant)
	}
	if !c.lockout.admits(found.ID, c.now) {
		return Principal{}, newFault(lockedOut)
	}
	if !found.HasPassword(password) {
		c.lockout.note(found.ID, c.now)
		return Principal{}, newFault(wrongPassword)
	}
	c.lockout.forget(found.ID)
	return c.user(ByObjectID, found.ID)
}

// password is the grant of RFC 6749 §4.3.
func (p protocol) password(c *call) (grant, error) {
	client, err := c.userClient()
	if err != nil {
		return grant{}, err
	}
	wanted, err := p.userDemand(c, "")
	if err != nil {
		return grant{}, err
	}
	name, err := c.required("username")
	if err != nil {
		return grant{}, err
	}
	password, err := c.required("password")
	if err != nil {
		return grant{}, err
	}
	user, err := c.signIn(name, password)
	return grant{bearer: client.acting(user), demand: wanted, client: client.id}, err
}

// lockout keeps an account from being tried again and again: after lockoutAfter wrong passwords it rests for lockoutFor,
// as Entra's smart lockout has it. The zero value is ready. Only users that exist are counted.
type lockout struct {
	mu     sync.Mutex
	failed map[string]failures
}

type failures struct {
	count int
	last  time.Time
}

const (
	lockoutAfter = 10
	lockoutFor   = time.Minute
)

func (l *lockout) admits(user string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.failed[user]
	return f.count < lockoutAfter || !now.Before(f.last.Add(lockoutFor))
}

// note counts a wrong password. After a rest the count begins again.
func (l *lockout) note(user string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = map[string]failures{}
	}
	f := l.failed[user]
	if !now.Before(f.last.Add(lockoutFor)) {
		f.count = 0
	}
	l.failed[user] = failures{f.count + 1, now}
}

func (l *lockout) forget(user string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.failed, user)
}
