package module

import "github.com/grafana/sobek"

// lazyObject is a [sobek.DynamicObject] that makes a method when a script first asks
// for it: ten thousand users who each call one method should not pay for fifteen.
type lazyObject struct {
	instance *instance
	of       lazily
	made     properties  // methods so far
	values   properties  // plain ones
	pool     *poolObject // of a Pool
}

// lazily is what has the methods of an object; nil is none of that name.
type lazily interface{ methods(name string) method }

// properties are few: a map would be larger and not faster.
type properties []property

type property struct {
	key   string
	value sobek.Value
}

// get gives nil where there is none.
func (p properties) get(key string) sobek.Value {
	for i := range p {
		if p[i].key == key {
			return p[i].value
		}
	}
	return nil
}

func (o *lazyObject) Get(key string) sobek.Value {
	if v := o.made.get(key); v != nil {
		return v
	}
	if v := o.values.get(key); v != nil {
		return v
	}
	m := o.of.methods(key)
	if m == nil {
		return nil
	}
	v := o.instance.rt.ToValue(o.instance.guarded(key, m))
	o.made = append(o.made, property{key, v})
	return v
}

// Set does nothing, as Delete: the object is ours.
func (o *lazyObject) Set(string, sobek.Value) bool { return false }

func (o *lazyObject) Has(key string) bool {
	return o.values.get(key) != nil || o.of.methods(key) != nil
}

func (o *lazyObject) Delete(string) bool { return false }

// Keys are those of the plain properties: methods are not enumerable.
func (o *lazyObject) Keys() []string {
	keys := make([]string, len(o.values))
	for i := range o.values {
		keys[i] = o.values[i].key
	}
	return keys
}
