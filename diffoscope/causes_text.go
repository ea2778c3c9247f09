package diffoscope

import "io"

// WriteCauses writes for people why the images of c differ, as [WriteText] does before
// it says where: at most a screen, each cause with its evidence, the recipe's line if
// that is known, and the mend.
func WriteCauses(w io.Writer, c *Comparison) error {
	t := &textWriter{causes: true, seen: map[Count]int{}}
	t.why(c.Causes)
	_, err := w.Write(t.out.Bytes())
	return err
}
