package steps

import (
	"maps"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// ports are the listeners of a balancer by port. The steps alb, https and traffic change them while others look.
type ports struct {
	mu     sync.Mutex
	byPort map[int32]types.Listener
}

func (p *ports) at(port int32) (types.Listener, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l, ok := p.byPort[port]
	return l, ok
}

func (p *ports) set(listeners ...types.Listener) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byPort == nil {
		p.byPort = map[int32]types.Listener{}
	}
	for _, l := range listeners {
		p.byPort[*l.Port] = l
	}
}

func (p *ports) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.byPort)
}

func (p *ports) numbers() []int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.byPort))
}
