package cause

// nameWords say what each cause is, as the subject of "differs".
var nameWords = map[Name]string{
	Timestamp:    "time of the build",
	Epoch:        "SOURCE_DATE_EPOCH is ignored",
	BuildPath:    "path of the build",
	Hostname:     "name of the machine",
	User:         "user who built",
	Environment:  "environment of the build",
	Umask:        "umask",
	Ownership:    "owner of the files",
	Locale:       "locale",
	TimeZone:     "time zone",
	Parallelism:  "number of CPUs, or parallel steps",
	Order:        "order in which a folder was read",
	HashOrder:    "order of a hash map",
	Random:       "random value",
	BuildID:      "build ID",
	Kernel:       "kernel",
	Architecture: "architecture of the machine",
	Compression:  "compression",
	ShadowDay:    "day of the password change",
	Signature:    "signature",
	Consequence:  "consequence of what else differs",
	Unknown:      "not explained",
}

// Words returns n for people, in a few words without an article: "time of the
// build". A name that has none is its own.
func (n Name) Words() string {
	if s, ok := nameWords[n]; ok {
		return s
	}
	return string(n)
}
