package trigger

import "time"

// Schedule tells when a timer is due, such as cron.Schedule of robfig/cron. Times are in UTC.
type Schedule interface {
	// Next is the first time after a given one; zero is never.
	Next(after time.Time) time.Time
}

// Timer is a timer of a task.
type Timer struct {
	// Name is unique in its task.
	Name string
	// Schedule is when it is due.
	Schedule Schedule
}

// Due returns which timers are due first after a time, and when: all that are due at that same time, in their order. Zero is
// never. What was missed while nobody looked is not made up for: who waits asks with the time at which it looks.
func Due(timers []Timer, after time.Time) (at time.Time, due []Timer) {
	for _, t := range timers {
		next := t.Schedule.Next(after.UTC())
		switch {
		case next.IsZero():
		case at.IsZero() || next.Before(at):
			at, due = next, []Timer{t}
		case next.Equal(at):
			due = append(due, t)
		}
	}
	return at, due
}
