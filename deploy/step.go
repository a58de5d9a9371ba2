// Package deploy is the engine: it turns a list of steps into a plan and carries the plan out.
//
// A Step is one piece of a stack. It reads what is live, lists the changes to what is wanted, and lists the changes
// that leave nothing of it. A field of a step that points to another step IS the edge between them, and the only way
// to reach that step's values ([Out]). A [Stack] reads all steps at once, plans without a call, and does the changes
// of a step as soon as the steps it needs are done:
//
//   - forward, in the steps' order, what grows; creating is not readiness, so a [Slow] step goes on by itself and
//     only who awaits it waits;
//   - then backward, once all is ready, what shrinks: changes marked After, and the removal of what is not wanted.
//
// So nothing that the running release may still use is gone before the new one works, and destroy is the same walk
// with nothing wanted. The package knows no AWS.
package deploy

import "context"

// A Step is one piece of a stack: what it should be, what it is, and the calls between the two.
type Step interface {
	Name() string
	// Wanted is false for a step that the manifest does without: it is removed, in reverse, once the rest is applied.
	Wanted() bool
	// Read finds what is live, by name or tag. All steps are read at once, so Read looks at no other step.
	Read(context.Context) error
	// Plan lists the changes from what is live to what is wanted. It makes no calls.
	// It runs once to be shown and again, its inputs then known, to be done.
	Plan() []Change
	// Remove lists the changes that leave nothing of the step.
	Remove() []Change
}

// A Slow step makes something that AWS accepts long before it works. Its changes end with the acceptance, so that
// whoever needs only its id goes on at once. Ready is asked once a poll from then on: it returns what is still
// missing ("pending"), nothing when it is ready, and an error when it never will be. It writes nothing that others
// read without awaiting the step.
type Slow interface {
	Step
	Ready(context.Context) (missing string, err error)
}

// A Checker refuses what can't be done: a wish that AWS can't fulfil in place, with the way out. Check is asked of
// every wanted step after all are read and before any is planned to be applied; it makes no calls.
type Checker interface {
	Step
	Check() error
}

// A Keeper refuses to go: it holds what is protected. Keep is asked of every step that is to be removed, when Check is
// asked of the others.
type Keeper interface {
	Step
	Keep() error
}

// A Noter has something to say in the plan that is no change: what is kept, what is awaited, what else is there.
type Noter interface {
	Step
	Notes() []string
}

// A Change is one thing done to one resource.
type Change struct {
	Op    Op
	What  string  // "listener :443"
	Diff  []Field // for an update or a replacement
	Why   string  // shown behind the change when its reason is not plain
	Await []Slow  // needs that must be ready, not only accepted
	After bool    // done on the way back, when all is ready: what the running release may still use
	Loud  bool    // it undoes what somebody has done by hand
	With  []Step  // needs whose changes are one wish with this one: of all of them only the loud one is shown
	Group string  // neighbouring changes of the same group run together; "" runs alone
	Do    func(context.Context) error
}

// An Op is what a change does to its resource.
type Op string

// The operations, as the plan shows them.
const (
	Create  Op = "+"
	Update  Op = "~"
	Replace Op = "±"
	Delete  Op = "-"
)

// Verb is the operation as a word: "create", "update", "replace", "delete".
func (o Op) Verb() string {
	return map[Op]string{Create: "create", Update: "update", Replace: "replace", Delete: "delete"}[o]
}
