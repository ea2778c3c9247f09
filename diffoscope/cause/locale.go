package cause

import (
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// calendarWords are months and days as other languages than English write them, in
// full or short, where English has another word.
var calendarWords = lazyregexp.New(`(?:^|[\s,.(0-9])(?:` +
	// German, Dutch
	`Januar|Februar|März|Mär|Mrz|Mai|Juni|Juli|Oktober|Okt|Dezember|Dez|Mo|Di|Mi|Do|Fr|Sa|So|Montag|Dienstag|Mittwoch|Donnerstag|Freitag|Samstag|Sonntag|mrt|mei|okt|maandag|dinsdag|woensdag|` +
	// French, Spanish, Italian, Portuguese
	`janv|févr|mars|avril|avr|mai|juin|juil|juillet|août|déc|lun|mar|mer|jeu|ven|sam|dim|ene|enero|feb|abr|may|ago|dic|mié|jue|vie|sáb|dom|gen|mag|giu|lug|set|ott|fev|dez|out|` +
	// Estonian, Finnish, Turkish, Polish, Swedish
	`jaan|veebr|märts|apr|mai|juuni|juuli|aug|sept|okt|nov|dets|E|T|K|N|R|L|P|tammi|helmi|maalis|huhti|touko|kesä|heinä|elo|syys|loka|marras|joulu|Oca|Şub|Mart|Nis|Haz|Tem|Ağu|Eyl|Eki|Kas|Ara|sty|lut|kwi|maj|cze|lip|sie|wrz|paź|lis|gru|` +
	// Japanese, Chinese
	`\d{1,2} ?月|[月火水木金土日]曜日` +
	`)(?:[\s,.)]|$)`)

var englishCalendar = lazyregexp.New(`\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*\b`)

// anyClock finds a time, a year, or a day and month.
var anyClock = lazyregexp.New(`\d{1,2}[:.]\d{2}|\b(?:19|20)\d{2}\b|\b\d{1,2}\.? (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d{1,2}\b`)

// calendar is for a date in English on one side and in another language on the other.
func calendar(_ *sight, f found) (Cause, bool) {
	foreignA, foreignB := calendarWords.MatchString(f.a), calendarWords.MatchString(f.b)
	english := f.b
	if foreignB {
		english = f.a
	}
	ok := foreignA != foreignB && englishCalendar.MatchString(english) && anyClock.MatchString(english)
	return Cause{Name: Locale, Confidence: Likely, Detail: "a date in the words of two languages", A: f.a, B: f.b}, ok
}

// localeName is for names of locales, such as de_DE.UTF-8 or C.
func localeName(_ *sight, f found) (Cause, bool) {
	a, b := strings.TrimRight(f.a, " \t;,\"')"), strings.TrimRight(f.b, " \t;,\"')")
	c := Cause{Name: Locale, Confidence: Likely, Detail: "the name of a locale", A: a, B: b}
	return c, strings.Contains(a+b, "_") || strings.Contains(a+b, "UTF") || strings.Contains(a+b, "POSIX")
}

// numberForm is for one number with two signs for the decimal point or thousands.
func numberForm(_ *sight, f found) (Cause, bool) {
	digits := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, s)
	}
	return Cause{Name: Locale, Confidence: Certain, Detail: "one number, as two locales write it", A: f.a, B: f.b}, digits(f.a) == digits(f.b)
}

// message is for what a tool says in two languages, or with two sorts of quotes.
func message(_ *sight, f found) (Cause, bool) {
	plain := strings.NewReplacer("‘", "'", "’", "'", "“", `"`, "”", `"`, "«", `"`, "»", `"`, "„", `"`, "`", "'", "…", "...", "–", "-", "—", "-").Replace
	c := Cause{Name: Locale, Confidence: Likely, Detail: "one text, with the quotes of two locales", A: f.a, B: f.b}
	if plain(f.a) == plain(f.b) {
		return c, true
	}
	c.Confidence, c.Detail = Possible, "a text that is in ASCII on one side only, as messages in two languages are"
	return c, isASCII(f.a) != isASCII(f.b) && letters(f.a) > 8 && letters(f.b) > 8 && aboutOneThing(f.a, f.b)
}

// aboutOneThing reports whether two lines have a word in common that no language
// changes, as a file's name or a number.
func aboutOneThing(a, b string) bool {
	words := strings.Fields(b)
	return slices.ContainsFunc(strings.Fields(a), func(w string) bool {
		return len(w) > 3 && strings.ContainsAny(w, "0123456789/.") && strings.ContainsAny(w, ":/") && slices.Contains(words, w)
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > '~' })
}

func letters(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] >= 'a' && s[i] <= 'z' {
			n++
		}
	}
	return n
}
