package cause

import (
	"strconv"
	"strings"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// A stamp is a time as it was written.
type stamp struct {
	time time.Time
	// form is what the form is called.
	form string
	// zone is how the zone is written, "" if it isn't.
	zone string
	// step is the smallest unit that is written: a day, a second.
	step time.Duration
}

// A dateForm is a way to write a time. Pattern finds candidates in a text, and a
// candidate is one only if a layout reads it.
type dateForm struct {
	name    string
	step    time.Duration
	needs   string // characters that it has
	pattern *lazyregexp.Regexp
	layouts []string
	// parse is for what layouts can't say.
	parse func(string) (time.Time, bool)
}

const (
	month = `(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)`
	long  = `(?:January|February|March|April|May|June|July|August|September|October|November|December)`
	day   = `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)`
	clock = `\d{2}:\d{2}:\d{2}`
	zone  = `(?:[A-Z]{3,5}|[+-]\d{2,4})`
)

// dateForms are those that are recognised, the longest first: what one has found is
// not looked at by the next.
var dateForms = []dateForm{
	{
		name: "RFC 3339", needs: "-:", step: time.Second,
		pattern: lazyregexp.New(`\b\d{4}-\d{2}-\d{2}[T ]` + clock + `(?:[.,]\d{1,9})?(?:Z| ?(?:UTC|GMT)\b| ?[+-]\d{2}:?\d{2}\b|\b)`),
		layouts: []string{
			"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 -07:00",
			"2006-01-02T15:04:05-0700", "2006-01-02 15:04:05-0700", "2006-01-02 15:04:05 MST",
			"2006-01-02T15:04:05 MST", "2006-01-02T15:04:05", "2006-01-02 15:04:05",
		},
	},
	{
		name: "gettext's", needs: "-:", step: time.Minute,
		pattern: lazyregexp.New(`\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?:Z| ?[+-]\d{2}:?\d{2}\b|\b)`),
		layouts: []string{"2006-01-02 15:04-0700", "2006-01-02 15:04Z07:00", "2006-01-02 15:04 -0700", "2006-01-02 15:04", "2006-01-02T15:04Z07:00", "2006-01-02T15:04-0700", "2006-01-02T15:04"},
	},
	{
		name: "RFC 1123", needs: ",:", step: time.Second,
		pattern: lazyregexp.New(`\b` + day + `, \d{1,2}[ -]` + month + `[ -]\d{2,4} ` + clock + `(?: ` + zone + `)?`),
		layouts: []string{"Mon, 2 Jan 2006 15:04:05 MST", "Mon, 2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04:05", "Mon, 2-Jan-2006 15:04:05 MST", "Mon, 2-Jan-06 15:04:05 MST"},
	},
	{
		name: "date(1)'s", needs: " :", step: time.Second,
		pattern: lazyregexp.New(`\b` + day + ` ` + month + ` [ \d]\d ` + clock + `(?: [AP]M)?(?: ` + zone + `)? \d{4}\b`),
		layouts: []string{"Mon Jan _2 15:04:05 MST 2006", "Mon Jan _2 15:04:05 -0700 2006", "Mon Jan _2 03:04:05 PM MST 2006", "Mon Jan _2 15:04:05 2006"},
	},
	{
		name: "date(1)'s", needs: " :", step: time.Second,
		pattern: lazyregexp.New(`\b` + day + `,? \d{1,2} ` + month + ` \d{4} ` + clock + `(?: [AP]M)?(?: ` + zone + `)?`),
		layouts: []string{"Mon 2 Jan 2006 03:04:05 PM MST", "Mon 2 Jan 2006 15:04:05 MST", "Mon 2 Jan 2006 15:04:05 -0700", "Mon 2 Jan 2006 15:04:05"},
	},
	{
		name: "date(1)'s", needs: " :", step: time.Second,
		pattern: lazyregexp.New(`\b` + day + `[ ,]+` + `\d{1,2} ` + month + ` ` + clock + `(?: ` + zone + `)? \d{4}\b`),
		layouts: []string{"Mon 2 Jan 15:04:05 MST 2006", "Mon 2 Jan 15:04:05 -0700 2006", "Mon 2 Jan 15:04:05 2006"},
	},
	{
		name: "__DATE__ and __TIME__", needs: " :", step: time.Second,
		pattern: lazyregexp.New(`\b` + month + ` [ \d]\d \d{4},? ` + clock + `\b`),
		layouts: []string{"Jan _2 2006 15:04:05", "Jan _2 2006, 15:04:05"},
	},
	{
		name: "__DATE__", needs: " ", step: 24 * time.Hour,
		pattern: lazyregexp.New(`\b` + month + ` [ \d]\d \d{4}\b`),
		layouts: []string{"Jan _2 2006"},
	},
	{
		name: "ls(1)'s", needs: " :", step: time.Minute,
		pattern: lazyregexp.New(`\b` + month + ` [ \d]\d \d{2}:\d{2}\b`),
		layouts: []string{"Jan _2 15:04"},
	},
	{
		name: "a date", step: 24 * time.Hour,
		pattern: lazyregexp.New(`\b(?:` + long + `|` + month + `) \d{1,2}, \d{4}\b|\b\d{1,2}[. -]+(?:` + long + `|` + month + `)[ -]\d{4}\b`),
		layouts: []string{"January 2, 2006", "Jan 2, 2006", "2 January 2006", "2 Jan 2006", "2-Jan-2006", "2. January 2006"},
	},
	{
		name: "a month", needs: " ", step: 24 * time.Hour,
		pattern: lazyregexp.New(`\b` + long + ` \d{4}\b`),
		layouts: []string{"January 2006"},
	},
	{
		name: "a compact time", step: time.Second,
		pattern: lazyregexp.New(`\b(?:D:)?(?:19|20)\d{6}[T_-]?\d{6}(?:Z|[+-]\d{2}'?\d{2}'?)?`),
		parse:   parseCompact,
	},
	{
		name: "a number of seconds since 1970", step: time.Second,
		pattern: lazyregexp.New(`\b[12]\d{9}(?:\d{3}|\d{6}|\d{9})?(?:\.\d{1,9})?\b`),
		parse:   parseUnix,
	},
	{
		name: "a date", step: 24 * time.Hour,
		pattern: lazyregexp.New(`\b(?:19|20)\d{2}([-/.]?)\d{2}(?:[-/.]?)\d{2}\b`),
		layouts: []string{"2006-01-02", "2006/01/02", "2006.01.02", "20060102"},
	},
	{
		name: "a date of a locale", step: 24 * time.Hour,
		pattern: lazyregexp.New(`\b\d{1,2}([./])\d{1,2}[./](?:19|20)\d{2}\b|\b\d{2}/\d{2}/\d{2}\b`),
		layouts: []string{"02.01.2006", "2.1.2006", "01/02/2006", "1/2/2006", "02/01/2006", "01/02/06", "02/01/06"},
	},
	{
		name: "__TIME__", needs: ":", step: time.Second,
		pattern: lazyregexp.New(`\b` + clock + `(?:\.\d{1,9})?\b`),
		layouts: []string{"15:04:05"},
	},
}

// parseCompact reads YYYYMMDDhhmmss, as ASN.1, PDF and file names have it.
func parseCompact(s string) (time.Time, bool) {
	s = strings.NewReplacer("D:", "", "'", "", "T", "", "_", "").Replace(s)
	if i := strings.IndexByte(s, '-'); i == 8 {
		s = s[:8] + s[9:]
	}
	for _, layout := range []string{"20060102150405Z0700", "20060102150405"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// parseUnix reads seconds, milli-, micro- or nanoseconds since 1970, between 2001
// and 2100.
func parseUnix(s string) (time.Time, bool) {
	whole, _, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	var t time.Time
	switch len(whole) {
	case 10:
		t = time.Unix(n, 0)
	case 13:
		t = time.UnixMilli(n)
	case 16:
		t = time.UnixMicro(n)
	case 19:
		t = time.Unix(0, n)
	}
	y := t.UTC().Year()
	return t.UTC(), y >= 2001 && y < 2100
}

// read returns the time that text, which the form's pattern found, stands for.
func (f *dateForm) read(text string) (stamp, bool) {
	st := stamp{form: f.name, step: f.step}
	if f.parse != nil {
		t, ok := f.parse(text)
		st.time = t
		if strings.HasSuffix(text, "Z") || strings.HasPrefix(f.name, "a number") {
			st.zone = "UTC"
		}
		return st, ok
	}
	clean := strings.Join(strings.Fields(text), " ")
	for _, layout := range f.layouts {
		t, err := time.Parse(strings.Join(strings.Fields(layout), " "), clean)
		if err != nil {
			t, err = time.Parse(layout, text)
		}
		if err != nil || t.Year() != 0 && (t.Year() < 1900 || t.Year() > 2150) {
			continue
		}
		st.time, st.zone = t, zoneText(layout, t)
		return st, true
	}
	return stamp{}, false
}

// zoneText returns how t's zone was written, "" if the layout has none.
func zoneText(layout string, t time.Time) string {
	switch {
	case strings.Contains(layout, "MST"):
		return t.Format("MST")
	case strings.Contains(layout, "07"):
		return t.Format("-0700")
	}
	return ""
}

// parseTime reads a field that is a time in any form, or a plain number of seconds
// since 1970.
func parseTime(s string) (stamp, bool) {
	s = strings.Trim(s, "\"' \n")
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return stamp{time: t, form: "RFC 3339", zone: zoneText("07", t), step: time.Second}, true
	}
	for i := range dateForms {
		f := &dateForms[i]
		if at := f.pattern.FindStringIndex(s); at != nil && at[0] == 0 && at[1] == len(s) {
			if st, ok := f.read(s); ok {
				return st, true
			}
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 && n < 1<<33 {
		return stamp{time: time.Unix(n, 0).UTC(), form: "a number of seconds since 1970", zone: "UTC", step: time.Second}, true
	}
	return stamp{}, false
}
