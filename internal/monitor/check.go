package monitor

import (
	"errors"
	"fmt"
	"math"
	"reflect"
)

const (
	// mostValue is beyond any count, percentage or age in seconds or milliseconds.
	mostValue = 1e12
	// mostText is beyond a statement as it is shown.
	mostText = 4096
)

// Check says what no report of ours has, for one that was read from a file: sums
// of its values stay within their types, and what it always has is there.
func (r *Report) Check() error {
	if r.Samples < 0 || r.Pool.Size < 1 {
		return fmt.Errorf("it has %d samples of a pool of size %d", r.Samples, r.Pool.Size)
	}
	if r.Fullest != nil && r.Fullest.CheckedOut == nil {
		return errors.New("its fullest worker has no checkedout")
	}
	return checkValues(reflect.ValueOf(r).Elem(), "")
}

func checkValues(v reflect.Value, name string) error {
	switch v.Kind() { //nolint:exhaustive // a report has no others
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return checkValues(v.Elem(), name)
	case reflect.Struct:
		return checkFields(v)
	case reflect.Array:
		for i := range v.Len() {
			if err := checkValues(v.Index(i), name); err != nil {
				return err
			}
		}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return checkValue(float64(v.Int()), name)
	case reflect.Float64:
		return checkValue(v.Float(), name)
	case reflect.String:
		if v.Len() > mostText {
			return fmt.Errorf("its %s is a text of %d bytes, accepted are at most %d", name, v.Len(), mostText)
		}
	}
	return nil
}

func checkFields(v reflect.Value) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		if err := checkValues(v.Field(i), field.Name); err != nil {
			return err
		}
	}
	return nil
}

// checkValue refuses what is NaN, too.
func checkValue(f float64, name string) error {
	if math.Abs(f) <= mostValue {
		return nil
	}
	return fmt.Errorf("its %s is %v, accepted is up to %v", name, f, mostValue)
}
