package builder

import (
	"strings"
	"testing"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// TestExplained has a step write all that the two builders vary, and wants each file's
// difference to be called by what varied.
func TestExplained(t *testing.T) {
	pair := built(t, service(`
  build {
    run = <<-EOT
      mkdir -p $OUT/seen; cd $OUT/seen
      echo "built on $(hostname)" >hostname
      cat /proc/sys/kernel/domainname >domainname
      umask >umask
      echo "prefix = $HOME/x" >home
      echo "TZ is $TZ" >zone
      echo "lang: $LC_ALL" >locale
      echo "by $USER" >user
      uname -r >release
      nproc >cpus
      date >time
      date +%s >seconds
      cat /proc/sys/kernel/random/uuid >uuid
      mkdir d; for i in $(seq 20); do touch d/$i.txt; done; find d -type f >order; rm -r d
    EOT
  }`))
	want := map[string]cause.Name{
		"hostname": cause.Hostname, "domainname": cause.Hostname, "umask": cause.Umask, "home": cause.BuildPath, "zone": cause.TimeZone,
		"locale": cause.Locale, "user": cause.User, "release": cause.Kernel, "cpus": cause.Parallelism, "time": cause.Epoch,
		"seconds": cause.Epoch, "uuid": cause.Random, "order": cause.Order,
	}
	builds := cause.Builds{Epoch: new(int64), Started: [2]time.Time{pair.A.Started, pair.B.Started}, Varied: map[string]cause.Variation{}}
	for name, value := range pair.A.Variation {
		builds.Varied[name] = cause.Variation{A: value, B: pair.B.Variation[name]}
	}
	var images [2]*diffoscope.Image
	for side, r := range []*Result{pair.A, pair.B} {
		i, err := diffoscope.Open(r.Layout, diffoscope.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		defer i.Close()
		images[side] = i
	}
	c, err := diffoscope.CompareBuilds(t.Context(), images[0], images[1], builds)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, why := range c.Causes {
		for _, place := range why.Places {
			name := strings.TrimPrefix(place[min(1, len(place)-1)], "seen/")
			got[name] = append(got[name], string(why.Name))
		}
	}
	for name, why := range want {
		if !strings.Contains(strings.Join(got[name], " "), string(why)) {
			t.Errorf("%s differs because of %q, want %s", name, got[name], why)
		}
	}
	if t.Failed() {
		var b strings.Builder
		if err := diffoscope.WriteFullText(&b, c); err != nil {
			t.Fatal(err)
		}
		t.Log(b.String())
	}
}
