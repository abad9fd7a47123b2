package command

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/errext/exitcodes"
)

const fleetYAML = `
servers:
  primary: { max_connections: 200, others: 5, databases: { flowboard: 150 } }
poolers:
  bouncer: { server: primary, default_pool_size: 15, reserve_pool_size: 5, max_client_conn: 300 }
services:
  - { name: api, server: primary, database: flowboard, instances: 2, workers: 4, pool_size: 5, max_overflow: 10, surge: 1 }
  - { name: reports, pooler: bouncer, database: flowboard, role: reports, workers: 2, pool_size: 10 }
  - { name: nightly, server: primary, database: flowboard, connections: 2 }
`

func fleetFile(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "fleet.yaml")
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

func TestPlanOfAFleet(t *testing.T) {
	file := fleetFile(t, fleetYAML)
	output, err := planRun{}.plan(t, "--fleet", file)
	require.Equal(t, exitcodes.ThresholdsHaveFailed, planExitCode(err))
	const refusal = "primary: max_connections allows 192, and during a rollout it takes 202; " +
		"primary: datconnlimit flowboard allows 150, and during a rollout it takes 202"
	require.EqualError(t, err, refusal)
	require.Regexp(t, `(?m)^api +primary +120 +120 +180 +12 +10$`, output)
	require.Regexp(t, `(?m)^primary: datconnlimit flowboard +150 +142 +142 +202 +DOES NOT FIT$`, output)

	output, err = planRun{}.plan(t, "--fleet", file, "--format", "markdown")
	require.Error(t, err)
	require.Contains(t, output, "| reports | bouncer | 20 | 20 | 20 | 2 |")

	output, err = planRun{}.plan(t, "--fleet", file, "--format", "junit")
	require.Error(t, err)
	type suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Cases    []struct {
			Failure *struct {
				Message string `xml:"message,attr"`
			} `xml:"failure"`
		} `xml:"testcase"`
	}
	var suites struct {
		Suite suite `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal([]byte(output), &suites))
	require.NotContains(t, output, "<properties", "JUnit has no empty ones")
	require.Equal(t, 3, suites.Suite.Tests)
	require.Equal(t, 2, suites.Suite.Failures)
	require.Nil(t, suites.Suite.Cases[0].Failure, "the pooler's clients fit")
	require.Contains(t, suites.Suite.Cases[2].Failure.Message, "datconnlimit flowboard")

	fitting := fleetFile(t, strings.Replace(fleetYAML, "pool_size: 5, max_overflow: 10", "pool_size: 4, max_overflow: 6", 1))
	output, err = planRun{}.plan(t, "--fleet", fitting, "--format", "json")
	require.NoError(t, err, "the largest pool that fits does")
	var budget struct {
		Fits     bool
		Services []struct{ Rollout, Fits int }
	}
	require.NoError(t, json.Unmarshal([]byte(output), &budget))
	require.True(t, budget.Fits)
	require.Equal(t, 10, budget.Services[0].Fits)
}

func TestPlanRefusesABadFleet(t *testing.T) {
	for content, want := range map[string]string{
		"services:\n  - { name: api, serverr: primary }": `fleet.yaml": line 2: unknown field serverr in a service; give a file as docs/application.md describes it`,
		"servers: { primary: { max_connection: 9 } }":    `fleet.yaml": line 1: unknown field max_connection in a fleet server; give a file as docs/application.md describes it`,
		"services: 3":                    `fleet.yaml": line 1: found an integer "3"; use a list; give a file as`,
		"- a":                            `fleet.yaml": line 1: found a list; use a mapping; give a file as`,
		"api":                            `fleet.yaml": line 1: found a string "api"; use a mapping; give`,
		"servers: [1]\nservices: {a: 1}": `fleet.yaml": line 1: found a list; use a mapping; line 2: found a mapping; use a list; give`,
		"services: [{ name: [1], pool_size: x }]":               `found a list; use a string; line 1: found a string "x"; use an integer; give`,
		"servers: { a: { superuser_reserved_connections: x } }": `found a string "x"; use an integer; give`,
		"servers: { a: { max_connections: 2020-01-01 } }":       `found !!timestamp "2020-01-01"; use an integer; give`,
		"servers: { a: { max_connections: !size 1 } }":          `found !size "1"; use an integer; give`,
		"servers: { a: { others: 18446744073709551615 } }":      `found an integer "1844674..."; use an integer; give`,
		"services: [": `fleet.yaml": yaml: line 1: did not find expected node content; give`,
		"":            "fleet.yaml: services: none is not accepted; use at least one service",
		"servers: { primary: { } }\nservices: [{ name: a, server: primary, pool_size: 1 }]": "server primary: max_connections: 0 is not accepted",
	} {
		_, err := planRun{}.plan(t, "--fleet", fleetFile(t, content))
		require.Error(t, err, content)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := planRun{}.plan(t, "--fleet", filepath.Join(t.TempDir(), "none.yaml"))
	require.ErrorContains(t, err, `none.yaml": no such file or directory; give a file as docs/application.md describes it`)
	_, err = planRun{}.plan(t, "--fleet", fleetFile(t, fleetYAML), "--format", "html")
	require.ErrorContains(t, err, `--format: "html" is not accepted; use text, json, markdown or junit`)
}
