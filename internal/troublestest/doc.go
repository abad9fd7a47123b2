// Package troublestest holds applications that have trouble to what the monitor
// and a load test say of them. It is all tests.
package troublestest
