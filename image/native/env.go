package native

// An env is a list of variables; a later value takes the place of an earlier one.
type env struct {
	names  []string
	values map[string]string
}

// Get is the value of a variable.
func (e env) Get(name string) (string, bool) {
	v, ok := e.values[name]
	return v, ok
}

// Keys are the names.
func (e env) Keys() []string { return e.names }

func (e *env) set(name, value string) {
	if e.values == nil {
		e.values = map[string]string{}
	}
	if _, there := e.values[name]; !there {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

// clone is one of its own.
func (e env) clone() (c env) {
	for _, name := range e.names {
		c.set(name, e.values[name])
	}
	return c
}
