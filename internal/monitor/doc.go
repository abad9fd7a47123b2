// Package monitor watches a live pool from the database's side: the sessions
// of one application, what they wait for, the room left on the server, and the
// CPU of its host. It joins that with what the application says about its own
// pool and names the layer that holds things up.
package monitor
