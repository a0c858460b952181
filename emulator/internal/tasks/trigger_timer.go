package tasks

import (
	"context"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/tasks/trigger"
)

// cronForm is the form of schedules: five fields, in UTC.
const cronForm = cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow

// alarm is when timers are due next, and which.
type alarm struct {
	at    time.Time
	due   []trigger.Timer
	rings <-chan time.Time // never, if there are none
}

// nextAlarm finds the timers of all tasks that are due first after a time. Their names are the keys of the tasks, and those of
// the timers after a space.
func (s *Service) nextAlarm(after time.Time) (a alarm) {
	parser := cron.NewParser(cronForm)
	var timers []trigger.Timer
	for _, task := range s.Cloud.State().OfType(azure.TypeTask) {
		for _, t := range triggersOf(task).Timers {
			schedule, err := parser.Parse(t.Schedule)
			if err == nil && enabled(t.Status) {
				timers = append(timers, trigger.Timer{Name: task.ID.Key() + " " + t.Name, Schedule: schedule})
			}
		}
	}
	if a.at, a.due = trigger.Due(timers, after); len(a.due) > 0 {
		a.rings = s.Cloud.After(a.at.Sub(s.Cloud.Now()))
	}
	return a
}

// ring starts the tasks whose timers are due, and returns the alarm after it.
func (s *Service) ring(ctx context.Context, a alarm) alarm {
	for _, t := range a.due {
		key, name, _ := strings.Cut(t.Name, " ")
		if task, found := s.Cloud.State().Get(key); found {
			s.set(ctx, task, occasion{member: "timerTrigger", about: map[string]any{
				"timerTriggerName": name, "scheduleOccurrence": stamp(a.at),
			}}, nil)
		}
	}
	after := s.Cloud.Now()
	if after.Before(a.at) {
		after = a.at
	}
	return s.nextAlarm(after)
}
