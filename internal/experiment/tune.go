package experiment

import (
	"cmp"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
)

// tune measures pools of several sizes, all of them once in every round and in
// an order of its own in each, and looks for the smallest that is as good as
// the best.
type tune struct {
	sequence
	server Server
}

func newTune(s settings) *tune {
	p := &tune{sequence: sequence{settings: s}}
	if s.sizes != nil {
		p.order()
	}
	return p
}

func (p *tune) Connections() int {
	if p.sizes == nil {
		return p.reserved(p.ceiling())
	}
	most := 0
	for _, v := range p.sizes {
		most = max(most, v.connections())
	}
	return p.reserved(most)
}

func (p *tune) MaxDuration() time.Duration {
	sizes := len(p.sizes)
	if p.sizes == nil {
		sizes = maxDerived
	}
	return time.Duration(sizes*p.rounds) * p.longest(p.pool.timeout())
}

// Prepare implements [Plan]. Without sizes given it derives them.
func (p *tune) Prepare(server Server) error {
	p.server = server
	if p.sizes == nil {
		p.sizes = derive(server, p.copies(), p.ceiling(), p.modeled())
		if len(p.sizes) < 2 {
			return server.tooFew("the sweep", 2*p.copies())
		}
		p.order()
		return nil
	}
	for _, v := range p.sizes {
		if err := server.check(v.String(), p.needed(v.connections())); err != nil {
			return err
		}
	}
	return nil
}

// order lays out the rounds. The order within one follows from the seed and the
// round alone.
func (p *tune) order() {
	slices.SortFunc(p.sizes, func(a, b size) int {
		return cmp.Or(cmp.Compare(a.connections(), b.connections()), cmp.Compare(a.base, b.base))
	})
	p.steps = nil
	for round := 1; round <= p.rounds; round++ {
		random := rand.New(rand.NewPCG(uint64(p.seed), uint64(round))) // #nosec G115 G404 -- an order, not a secret; neither is negative
		for _, i := range random.Perm(len(p.sizes)) {
			v := p.sizes[i]
			step := p.step()
			step.Label, step.Round = v.String(), round
			step.Options = p.given.with(map[string]any{"poolSize": v.base, "maxOverflow": v.overflow})
			p.steps = append(p.steps, step)
		}
	}
}

const (
	// maxDerived is how many sizes are derived at most.
	maxDerived = 12
	// maxSwept is the largest pool that is derived; a larger one has to be asked for.
	maxSwept = 128
	// usualCores is assumed where the server does not say.
	usualCores = 4
)

// ceiling is the most connections that any derived pool may have: more than
// users are never used, and one of several pools hardly has more than twice its
// share of them.
func (p *tune) ceiling() int {
	users := p.users
	if p.pools > 1 {
		users = (2*p.users + p.pools - 1) / p.pools
	}
	return min(max(users, 2), maxSwept)
}

// modeled is the pool that the queueing model expects to leave the runbook's room
// under a load that is a quarter larger; 0 where nobody says how long requests
// hold their connection.
func (p *tune) modeled() int {
	const reserve = 1.25
	var size int
	err := errors.New("not asked")
	switch {
	case p.hold == 0:
	case p.rate > 0:
		size, err = sizing.OpenLoop{Rate: reserve * p.rateOfOne(), Hold: p.hold}.SmallestSize(sizing.Runbook)
	default:
		loop := p.closedLoop(p.hold, 1)
		loop.Users = int(math.Ceil(reserve * float64(p.users)))
		size, err = loop.SmallestSize(sizing.Runbook)
	}
	if err != nil {
		return 0
	}
	return size
}

// derive makes pools without overflow from the host's cores, doubling up to
// what the server leaves or the users use, and besides them the one that the model
// expects to do and the two pools everyone asks about: SQLAlchemy's 5 + 10 and
// the runbook's 20 + 40.
func derive(server Server, pools, ceiling, modeled int) []size {
	if available, known := server.available(); known {
		ceiling = min(ceiling, available/pools)
	}
	cores := server.Cores
	if cores == 0 {
		cores = usualCores
	}
	cores = (cores + pools - 1) / pools
	var sizes []size
	const doublings = maxDerived - 4
	first := max(1, min(cores, ceiling/2))
	for n := first; n <= ceiling && len(sizes) < doublings; n *= 2 {
		sizes = append(sizes, size{n, 0})
	}
	// The last step to the ceiling, where it is worth a step.
	const worth = 1.25
	if n := len(sizes); n > 0 && float64(ceiling) >= worth*float64(sizes[n-1].base) {
		sizes = append(sizes, size{ceiling, 0})
	}
	for _, known := range []size{{modeled, 0}, {5, 10}, {20, 40}} {
		if known.base > 0 && known.connections() <= ceiling && !slices.Contains(sizes, known) {
			sizes = append(sizes, known)
		}
	}
	return sizes
}
