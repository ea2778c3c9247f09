package firstgc

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

// TestUsual: after the first collection, all is as usual.
func TestUsual(t *testing.T) {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	// A cleanup runs some time after the collection that found it.
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		runtime.GC()
		if metrics.Read(sample); sample[0].Value.Uint64() == usual {
			return
		}
	}
	t.Errorf("after collections, the percentage is %d", sample[0].Value.Uint64())
}
