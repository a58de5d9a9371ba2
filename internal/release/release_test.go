package release

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScaleRule(t *testing.T) {
	t.Parallel()
	n := func(i int32) *int32 { return &i }
	for name, c := range map[string]struct {
		wish Scaling
		live *Range
		want Scaled
		err  string
	}{
		"inside":       {Scaling{Count: n(5)}, &Range{2, 10}, Scaled{2, 5, &Range{2, 10}, false}, ""},
		"above":        {Scaling{Count: n(12)}, &Range{2, 10}, Scaled{2, 12, &Range{2, 12}, true}, ""},
		"below":        {Scaling{Count: n(1)}, &Range{2, 10}, Scaled{2, 1, &Range{1, 10}, true}, ""},
		"more":         {Scaling{Count: n(3), Relative: true}, &Range{2, 10}, Scaled{2, 5, &Range{2, 10}, false}, ""},
		"fewer":        {Scaling{Count: n(-1), Relative: true}, &Range{2, 10}, Scaled{2, 1, &Range{1, 10}, true}, ""},
		"too few":      {Scaling{Count: n(-3), Relative: true}, &Range{2, 10}, Scaled{}, "-1 tasks can't be fewer than none"},
		"the range":    {Scaling{Min: n(4), Max: n(6)}, &Range{2, 10}, Scaled{2, 4, &Range{4, 6}, true}, ""},
		"no range":     {Scaling{Min: n(7), Max: n(6)}, &Range{2, 10}, Scaled{}, "the range 7 to 6 is none"},
		"contradicted": {Scaling{Count: n(9), Max: n(6)}, &Range{2, 10}, Scaled{}, "9 tasks lie outside the range that is set with them"},
		"unscaled":     {Scaling{Count: n(3)}, nil, Scaled{2, 3, nil, false}, ""},
		"unscaled min": {Scaling{Min: n(3)}, nil, Scaled{}, "nothing scales this service: it has no range"},
	} {
		got, err := c.wish.resolve(2, c.live)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || !cmp.Equal(*got, c.want) {
			t.Errorf("%s: %v %s", name, err, cmp.Diff(c.want, *got))
		}
	}
}
