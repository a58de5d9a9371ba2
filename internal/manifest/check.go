package manifest

import "fmt"

// bad reports a mistake at path, or where the file has none, at what would hold it.
func (r *reading) bad(path []string, hint, format string, args ...any) {
	r.errs = append(r.errs, r.diagnostic(r.at(path), false, fmt.Sprintf(format, args...), hint))
}

// config is the path of a key in the config of a resource.
func config(root string, keys ...string) []string {
	return append([]string{root, "config"}, keys...)
}

// check holds against each other what was decoded alone.
func (r *reading) check() {
}
