// Package cause says why two builds of one thing differ, in words, and how to mend
// it: from what differs, where, and from what varied between the builds.
//
// It is a function of its arguments alone, and guesses: a Confidence says how much.
package cause

import "time"

// A Name is one cause's, and stays the same between versions.
type Name string

// The causes.
const (
	Timestamp    Name = "timestamp"
	Epoch        Name = "source-date-epoch" // SOURCE_DATE_EPOCH is ignored
	BuildPath    Name = "build-path"
	Hostname     Name = "hostname"
	User         Name = "user"
	Environment  Name = "environment"
	Umask        Name = "umask"
	Ownership    Name = "ownership"
	Locale       Name = "locale"
	TimeZone     Name = "time-zone"
	Parallelism  Name = "parallelism"
	Order        Name = "directory-order"
	HashOrder    Name = "hash-order"
	Random       Name = "random"
	BuildID      Name = "build-id"
	Kernel       Name = "kernel"
	Architecture Name = "architecture"
	Compression  Name = "compression"
	ShadowDay    Name = "shadow-day"
	Signature    Name = "signature"
	Consequence  Name = "consequence" // it follows from what else differs in the file
	Unknown      Name = "unknown"
)

// A Confidence says how sure a cause is.
type Confidence string

const (
	// Certain needs no more evidence: the format has a field for just that.
	Certain Confidence = "certain"
	// Likely is what nearly always is the reason for what was seen.
	Likely Confidence = "likely"
	// Possible is worth a look.
	Possible Confidence = "possible"
)

// A Leaf is one difference, as far as its cause depends on it.
type Leaf struct {
	// Kind is diffoscope's, for example "header".
	Kind string
	// Path is the names on the way to what differs, from the entry of the layer
	// inwards: "usr/lib/x.a", "x.o", ".comment". The last is what differs, or
	// "content" for that of the file before it.
	Path []string
	// Formats are the formats of the files on the way, from the outside in.
	Formats []string
	// A and B are the two values: a field's, or the differing lines, or bytes around
	// the first that differs. Of each, 64 KiB are looked at.
	A, B string
	// Content says that A and B are of the content of what the path names, and no
	// field's value. A leaf of the kind "content" needs no such word.
	Content bool
	// Reordered says that both are texts with the same lines in another order, of
	// which A and B may not have all.
	Reordered bool
	// OnlyA and OnlyB say that the other side has nothing.
	OnlyA, OnlyB bool
}

// Builds are what is known of how the two were made. The zero value is nothing.
type Builds struct {
	// Epoch is SOURCE_DATE_EPOCH, in seconds, nil if it isn't known.
	Epoch *int64
	// Started is when each began, the zero time if that isn't known.
	Started [2]time.Time
	// Varied has what differed between the builds, by name: "hostname",
	// "domainname", "umask", "home", "cpus", "filesystem", "uname", "aslr",
	// "start", and "env." with the name of a variable. Others may be there.
	Varied map[string]Variation
}

// A Variation is one thing that differed between two builds.
type Variation struct{ A, B string }

// A Cause is why a leaf differs.
type Cause struct {
	Name       Name
	Confidence Confidence
	// Detail says what is known in this case, in a few words: "built 98 s apart".
	Detail string
	// A and B are the two values that show it.
	A, B string
	// Mend is what to change, in the words of the tool that wrote the file.
	Mend string
}
