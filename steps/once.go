package steps

import "sync"

// A once is what is read one time for all steps that ask. Who comes second waits on a channel, not in a sync.Once: the
// clock of a test stands still while somebody waits for a mutex.
type once[T any] struct {
	mu   sync.Mutex
	done chan struct{}
	v    T
	err  error
}

func (o *once[T]) get(read func() (T, error)) (T, error) {
	o.mu.Lock()
	mine := o.done == nil
	if mine {
		o.done = make(chan struct{})
	}
	o.mu.Unlock()
	if mine {
		o.v, o.err = read()
		close(o.done)
	}
	<-o.done
	return o.v, o.err
}
