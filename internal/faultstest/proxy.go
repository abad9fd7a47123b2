// Package faultstest puts a proxy between a test and its PostgreSQL, on which the
// wire can be made to fail and to heal while connections are open.
package faultstest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// Proxy is a way to a server with at most one fault at a time. Its methods
// belong to one goroutine; what passes through it may come from any.
type Proxy struct {
	t      testing.TB
	proxy  *toxiproxy.Proxy
	target *url.URL
	fault  Fault
}

// New puts a proxy in front of the server of a postgres:// URL. It is gone
// with the test. One that is made for Reset ends every connection abruptly.
func New(t testing.TB, target string, madeFor ...Fault) *Proxy {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &Proxy{t: t, proxy: toxiproxy.NewProxy(server, t.Name(), "127.0.0.1:0", u.Host), target: u}
	require.NoError(t, p.proxy.Start())
	for _, f := range madeFor {
		if f.abrupt {
			p.addAll(abrupt, 0)
		}
	}
	t.Cleanup(func() {
		p.End()
		p.proxy.Stop()
	})
	return p
}

// URL is the server's URL by way of the proxy.
func (p *Proxy) URL() string {
	u := *p.target
	u.Host = p.proxy.Listen
	return u.String()
}

// Begin makes the wire fail, for connections that are open too, in place of
// the fault before.
func (p *Proxy) Begin(f Fault) {
	p.t.Helper()
	p.End()
	p.fault = f
	if f.refuse {
		p.proxy.Stop()
	}
	for _, toxic := range f.toxics {
		p.addAll(toxic, 1)
	}
}

// addAll adds a toxic in its directions. One of toxicity 0 is there and does
// nothing.
func (p *Proxy) addAll(t toxic, toxicity float32) {
	p.t.Helper()
	for _, direction := range t.streams {
		description, err := json.Marshal(map[string]any{
			"name": t.name(direction), "type": t.kind, "stream": direction.String(),
			"toxicity": toxicity, "attributes": t.attributes,
		})
		require.NoError(p.t, err)
		_, err = p.proxy.Toxics.AddToxicJson(bytes.NewReader(description))
		require.NoError(p.t, err)
	}
}

func (t toxic) name(direction stream.Direction) string { return t.kind + " " + direction.String() }

// End heals the wire. Without a fault it does nothing.
func (p *Proxy) End() {
	p.t.Helper()
	f := p.fault
	p.fault = Fault{}
	if f.refuse {
		require.NoError(p.t, p.proxy.Start()) // on the port it had
	}
	for _, toxic := range f.toxics {
		for _, direction := range toxic.streams {
			require.NoError(p.t, p.proxy.Toxics.RemoveToxic(context.Background(), toxic.name(direction)))
		}
	}
}
