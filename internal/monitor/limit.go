package monitor

// Limit is a limit on connections that holds for the watched application.
type Limit struct {
	// Scope is "server" (max_connections less what is reserved for others),
	// "database" or "role" (CONNECTION LIMIT).
	Scope string `json:"scope"`
	Name  string `json:"name,omitempty"` // of the database or role
	Max   int    `json:"max"`
	Used  int    `json:"used"` // by every client under the limit
}

// Room is how many more connections the limit allows, below 0 where a
// reserved one is in use.
func (l Limit) Room() int { return l.Max - l.Used }

// tightest is the limit with the least room.
func tightest(limits []Limit) (Limit, bool) {
	if len(limits) == 0 {
		return Limit{}, false
	}
	least := limits[0]
	for _, l := range limits[1:] {
		if l.Room() < least.Room() {
			least = l
		}
	}
	return least, true
}
