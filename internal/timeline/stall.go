package timeline

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

const (
	stallShare   = 0.1         // of the usual requests: fewer are a stall
	stallLimit   = time.Second // the least limit
	usualOfLimit = 20          // usual requests whose time is the limit, where that is longer
	stretches    = 20          // of a run, for what is usual
)

// Stall is the longest stretch of a run in which hardly a request succeeded.
type Stall struct {
	from   time.Duration // since the load began
	length time.Duration
	// limit is the length from which on it counts: the time of 20 usual
	// requests, and at least a second, since healthy runs of a few users have
	// gaps of that length.
	limit time.Duration
}

// LongestStall is the longest stretch in which less than a tenth of the usual
// number of requests succeeded; all of a run in which none did. An application that
// answers each request with an error is out as well. ok is false where none ended.
func LongestStall(ended *Series) (stall Stall, ok bool) {
	if ended == nil || len(ended.Counts) == 0 {
		return Stall{}, false
	}
	each, ends := time.Duration(ended.Window*float64(time.Second)), ended.Counts
	usual := usualOf(ends)
	if usual == 0 {
		return Stall{length: time.Duration(len(ends)) * each, limit: stallLimit}, true
	}
	from, length := longestBelow(ends, stallShare*usual)
	return Stall{
		from: time.Duration(from) * each, length: time.Duration(length) * each,
		limit: max(stallLimit, time.Duration(usualOfLimit/usual*float64(each))),
	}, true
}

// Ratio is the length over the limit, above 0: a stall shorter than a window is
// not seen.
func (s Stall) Ratio() float64 { return max(s.length, fineWidth).Seconds() / s.limit.Seconds() }

// String says how long it was, how long it may be, and what the limit is made of.
func (s Stall) String() string {
	seconds := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'g', 3, 64) + " s" }
	return fmt.Sprintf("The longest stall lasted %s and began after %s of load. That is %.2f times its limit of %s "+
		"(1 s, or the time of 20 usual requests if that is longer).",
		seconds(max(s.length, fineWidth)), seconds(s.from), s.Ratio(), seconds(s.limit))
}

// usualOf is how many succeed in a window usually: the median over the twentieths of
// the run in which any did, since an outage may be most of it; 0 where none did.
func usualOf(ends []int64) float64 {
	var each []float64
	for i := range stretches {
		from, to := i*len(ends)/stretches, (i+1)*len(ends)/stretches
		sum := 0.0
		for _, n := range ends[from:to] {
			sum += float64(n)
		}
		if sum > 0 {
			each = append(each, sum/float64(to-from))
		}
	}
	if len(each) == 0 {
		return 0
	}
	slices.Sort(each)
	return middle(each)
}

// longestBelow is the longest stretch whose mean is below a limit, from its
// first to its last window that is below the limit itself.
func longestBelow(counts []int64, limit float64) (from, length int) {
	// The mean of [i, j) is below the limit where the sum of count − limit over
	// it is negative: where the sums up to j are below those up to i. Only a new
	// maximum of the sums can begin the longest such stretch.
	sums := make([]float64, len(counts)+1)
	var begins []int
	for i, n := range counts {
		sums[i+1] = sums[i] + float64(n) - limit
	}
	for i, sum := range sums {
		if len(begins) == 0 || sum > sums[begins[len(begins)-1]] {
			begins = append(begins, i)
		}
	}
	for end := len(counts); end > 0 && len(begins) > 0; end-- {
		for len(begins) > 0 && sums[end] < sums[begins[len(begins)-1]] {
			begin := begins[len(begins)-1]
			begins = begins[:len(begins)-1]
			if end-begin > length {
				from, length = begin, end-begin
			}
		}
	}
	return trimmed(counts, from, length, limit)
}

// trimmed takes windows that reach the limit off both ends of a stretch.
func trimmed(counts []int64, from, length int, limit float64) (int, int) {
	for length > 0 && float64(counts[from]) >= limit {
		from, length = from+1, length-1
	}
	for length > 0 && float64(counts[from+length-1]) >= limit {
		length--
	}
	return from, length
}
