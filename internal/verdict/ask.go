package verdict

import "time"

func (j *judge) privileges() {
	p := &j.facts.Privileges
	if !p.Known {
		j.refuse(PrivilegesUnknown, "It isn't known which privileges it asks for.")
	}
	for _, id := range p.IDs {
		if !j.scope.Privileges.Allows(id) {
			tier := id.Tier()
			j.refuse(PrivilegeNotAllowed, "It asks for the privilege %q, which the policy doesn't allow. Its tier is %d: %s.", string(id), tier, tier.Describe())
		}
	}
}

// support asks whether the base still gets security fixes. On its last day it does
// no longer, as with builds.
func (j *judge) support() {
	say := j.warn
	if j.scope.RefuseUnsupported {
		say = j.refuse
	}
	end := j.facts.EndOfSupport
	switch {
	case end.IsZero():
		say(SupportUnknown, "It isn't known until when its base gets security fixes.")
	case !j.now.Before(end):
		say(SupportEnded, "Its base has had no security fixes since %s.", end.UTC().Format(time.DateOnly))
	}
}

func (j *judge) size() {
	switch size := j.facts.Size; {
	case size <= 0:
		j.refuse(SizeUnknown, "Its size isn't known.")
	case j.scope.Size > 0 && size > j.scope.Size:
		j.refuse(TooLarge, "It has %d bytes, and the policy allows %d.", size, j.scope.Size)
	}
}
