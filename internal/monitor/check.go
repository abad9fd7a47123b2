package monitor

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
)

// Check refuses a report from a file that this program cannot have written: it lacks
// what every report has, or has values whose sums would not fit their types.
func (r *Report) Check() error {
	if r.Samples < 0 || r.Pool.Size < 1 {
		return fmt.Errorf("it has %d samples of a pool of size %d", r.Samples, r.Pool.Size)
	}
	if r.Fullest != nil && r.Fullest.CheckedOut == nil {
		return errors.New("its fullest worker has no checkedout")
	}
	return checkValues(reflect.ValueOf(r), "", func(name string, value float64) error {
		const most = 1e12               // beyond any count, percentage or age in seconds or milliseconds
		if !(math.Abs(value) <= most) { // NaN, too
			return fmt.Errorf("its %s is %v; use up to %v", name, value, most)
		}
		return nil
	})
}

// checkValues has check look at every number of a value that was read from JSON,
// with its path there, and refuses long strings.
func checkValues(v reflect.Value, path string, check func(path string, value float64) error) error {
	const mostText = 4096 // beyond a statement as it is shown
	switch v.Kind() {     //nolint:exhaustive // no file of ours has others
	case reflect.Pointer:
		if !v.IsNil() {
			return checkValues(v.Elem(), path, check)
		}
	case reflect.Struct:
		return checkFields(v, path, check)
	case reflect.Array, reflect.Slice:
		for i, item := range v.Seq2() {
			if err := checkValues(item, fmt.Sprintf("%s[%v]", path, i), check); err != nil {
				return err
			}
		}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return check(path, float64(v.Int()))
	case reflect.Float64:
		return check(path, v.Float())
	case reflect.String:
		if v.Len() > mostText {
			return fmt.Errorf("its %s is a string of %d bytes; use at most %d", path, v.Len(), mostText)
		}
	}
	return nil
}

func checkFields(v reflect.Value, path string, check func(path string, value float64) error) error {
	for field, value := range v.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case !field.IsExported() || name == "-":
			continue
		case field.Anonymous:
			name = path
		case path != "":
			name = path + "." + name
		}
		if err := checkValues(value, name, check); err != nil {
			return err
		}
	}
	return nil
}
