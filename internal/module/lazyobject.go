package module

import "github.com/grafana/sobek"

// lazyObject makes a method when a script first asks for it: ten thousand
// users who each call one method should not pay for fifteen.
type lazyObject struct {
	instance *instance
	methods  func(name string) method
	made     map[string]sobek.Value
	values   map[string]sobek.Value // plain properties
	pool     *poolObject            // of a Pool
}

// Get implements sobek.DynamicObject.
func (o *lazyObject) Get(key string) sobek.Value {
	if v, ok := o.made[key]; ok {
		return v
	}
	if v, ok := o.values[key]; ok {
		return v
	}
	m := o.methods(key)
	if m == nil {
		return nil
	}
	if o.made == nil {
		o.made = make(map[string]sobek.Value, 1)
	}
	v := o.instance.rt.ToValue(o.instance.guarded(key+"()", m))
	o.made[key] = v
	return v
}

// Set implements sobek.DynamicObject: the object is ours.
func (o *lazyObject) Set(string, sobek.Value) bool { return false }

// Has implements sobek.DynamicObject.
func (o *lazyObject) Has(key string) bool {
	_, plain := o.values[key]
	return plain || o.methods(key) != nil
}

// Delete implements sobek.DynamicObject.
func (o *lazyObject) Delete(string) bool { return false }

// Keys implements sobek.DynamicObject: methods are not enumerable.
func (o *lazyObject) Keys() []string {
	keys := make([]string, 0, len(o.values))
	for key := range o.values {
		keys = append(keys, key)
	}
	return keys
}
