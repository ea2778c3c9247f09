package cause

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// timeCause says why two times differ: the clock, the zone that they are told in, or
// that SOURCE_DATE_EPOCH was not asked.
func (s *sight) timeCause(a, b stamp) Cause {
	delta := b.time.Sub(a.time)
	c := Cause{Name: Timestamp, Confidence: Likely, A: show(a), B: show(b), Detail: apart(delta, max(a.step, b.step))}
	if a.zone != b.zone && a.zone != "" && b.zone != "" && delta.Abs() < a.step+time.Second {
		c.Name, c.Confidence, c.Detail = TimeZone, Certain, fmt.Sprintf("one instant, told in %s and in %s", a.zone, b.zone)
		return c
	}
	if shift, ok := s.zones(a, b); ok {
		rest := delta - shift
		if rest.Abs() <= 2*time.Second && (rest.Abs() < a.step || !s.knowsZones()) {
			c.Name, c.Detail = TimeZone, fmt.Sprintf("%s, as local times of two zones are", apart(delta, a.step))
			return c
		}
		c.Detail = apart(rest, a.step) + ", and told in two time zones"
	}
	if s.builds.Epoch != nil && s.Kind != kindHeader {
		c.Name = Epoch
		c.Detail = fmt.Sprintf("SOURCE_DATE_EPOCH was %s, and a clock was read: %s", time.Unix(*s.builds.Epoch, 0).UTC().Format(time.RFC3339), c.Detail)
		if s.nearStart(a.time, 0) && s.nearStart(b.time, 1) {
			c.Confidence = Certain
		}
	}
	return c
}

// show writes a stamp for people.
func show(s stamp) string {
	switch {
	case s.time.Year() == 0:
		return s.time.Format("15:04:05")
	case s.step >= 24*time.Hour:
		return s.time.Format("2006-01-02")
	}
	return s.time.Format(time.RFC3339Nano)
}

// nearStart reports whether t is within a day after the start of a build.
func (s *sight) nearStart(t time.Time, side int) bool {
	start := s.builds.Started[side]
	d := t.Sub(start)
	return !start.IsZero() && d > -time.Minute && d < 24*time.Hour
}

// knowsZones reports whether the builds' time zones are known.
func (s *sight) knowsZones() bool { return s.builds.Varied["env.TZ"] != Variation{} }

// zones returns by how much two local times differ because of their zones: those of
// the builds, or else a whole number of quarters of an hour, to two seconds.
func (s *sight) zones(a, b stamp) (time.Duration, bool) {
	local := a.zone == b.zone && (a.zone == "" || s.format == "zip") || a.zone != b.zone && isZoneName(a.zone) && isZoneName(b.zone)
	if !local || a.step >= time.Hour {
		return 0, false
	}
	d := b.time.Sub(a.time)
	if v := s.builds.Varied["env.TZ"]; s.knowsZones() {
		x, okX := posixOffset(v.A)
		y, okY := posixOffset(v.B)
		if okX && okY && x != y {
			return y - x, (d - (y - x)).Abs() < 10*time.Minute
		}
	}
	if d.Abs() < 15*time.Minute-2*time.Second || d.Abs() > 26*time.Hour || (d.Abs()-24*time.Hour).Abs() < 2*time.Second {
		return 0, false
	}
	shift := d.Round(15 * time.Minute)
	return shift, (d - shift).Abs() <= 2*time.Second
}

// isZoneName reports whether a zone is written as a name, which says no offset.
func isZoneName(zone string) bool { return zone != "" && zone[0] >= 'A' }

var posixZone = lazyregexp.New(`^(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]+>)([+-]?)(\d{1,2})(?::(\d{2}))?`)

// posixOffset returns what a POSIX TZ adds to UTC: "XYZ-13:30" is east of it.
func posixOffset(tz string) (time.Duration, bool) {
	if tz == "" || tz == "UTC" {
		return 0, true
	}
	m := posixZone.FindStringSubmatch(tz)
	if m == nil {
		return 0, false
	}
	h, _ := strconv.Atoi(m[2])
	min, _ := strconv.Atoi(m[3])
	d := time.Duration(h)*time.Hour + time.Duration(min)*time.Minute
	if m[1] != "-" {
		d = -d
	}
	return d, true
}

// apart says how long d is, in at most two units.
func apart(d time.Duration, step time.Duration) string {
	if d == 0 {
		return "the same time, written in two ways"
	}
	return lasts(d.Abs(), step) + " apart"
}

func lasts(d, step time.Duration) string {
	units := []struct {
		d    time.Duration
		name string
	}{{365 * 24 * time.Hour, "years"}, {24 * time.Hour, "days"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	if d < 2*time.Minute {
		return strings.TrimSuffix(fmt.Sprintf("%.3g", d.Seconds()), ".0") + " s"
	}
	for i, u := range units {
		if d < 2*u.d && u.d > time.Minute && d != u.d {
			continue
		}
		n := d / u.d
		out := fmt.Sprintf("%d %s", n, u.name)
		if rest := d - n*u.d; i+1 < len(units) && n < 10 && rest >= units[i+1].d && units[i+1].d >= min(step, time.Hour) {
			out += fmt.Sprintf(" %d %s", rest/units[i+1].d, units[i+1].name)
		}
		return out
	}
	return d.String()
}
