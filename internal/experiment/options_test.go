package experiment

import (
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
	"github.com/flowboard/xk6-pgxpool/pool"
)

func TestOptionsThatCannotBeUsed(t *testing.T) {
	criteria := []any{success()}
	for name, c := range map[string]struct {
		options map[string]any
		option  string
	}{
		"no plan":                  {map[string]any{"users": int64(1)}, "plan"},
		"unknown plan":             {map[string]any{"plan": "abc"}, "plan"},
		"plan of another type":     {map[string]any{"plan": int64(1)}, "plan"},
		"unknown key":              {map[string]any{"plan": "tune", "poools": 1}, "poools"},
		"no pool":                  {map[string]any{"plan": "tune", "pools": 0}, "pools"},
		"pools of an application":  {map[string]any{"plan": "capacity", "http": true, "pools": 2, "criteria": []any{success()}}, "pools"},
		"a balance unknown":        {map[string]any{"plan": "tune", "balance": "fair"}, "balance"},
		"misspelt key":             {map[string]any{"plan": "tune", "Users": 1}, "Users"},
		"no users":                 {map[string]any{"plan": "tune", "users": int64(0)}, "users"},
		"half a user":              {map[string]any{"plan": "tune", "users": 1.5}, "users"},
		"users as text":            {map[string]any{"plan": "tune", "users": "100"}, "users"},
		"endless users":            {map[string]any{"plan": "tune", "users": math.Inf(1)}, "users"},
		"no number of users":       {map[string]any{"plan": "tune", "users": math.NaN()}, "users"},
		"negative rate":            {map[string]any{"plan": "tune", "rate": -1.0}, "rate"},
		"no number of a rate":      {map[string]any{"plan": "tune", "rate": math.NaN()}, "rate"},
		"negative think":           {map[string]any{"plan": "tune", "think": int64(-1)}, "think"},
		"think without unit":       {map[string]any{"plan": "tune", "think": "1"}, "think"},
		"no duration":              {map[string]any{"plan": "tune", "duration": int64(0)}, "duration"},
		"endless duration":         {map[string]any{"plan": "tune", "duration": math.MaxFloat64}, "duration"},
		"no rounds":                {map[string]any{"plan": "tune", "rounds": int64(0)}, "rounds"},
		"http as text":             {map[string]any{"plan": "capacity", "http": "true", "criteria": criteria}, "http"},
		"tune over HTTP":           {map[string]any{"plan": "tune", "http": true}, "http"},
		"before-after over HTTP":   {map[string]any{"plan": "before-after", "http": true}, "http"},
		"another plan's option":    {map[string]any{"plan": "tune", "before": "5+10"}, "before"},
		"sizes of capacity":        {map[string]any{"plan": "capacity", "sizes": "5,10", "criteria": criteria}, "sizes"},
		"before of no form":        {map[string]any{"plan": "before-after", "before": "five"}, "before"},
		"before of nothing":        {map[string]any{"plan": "before-after", "before": ","}, "before"},
		"before of a number":       {map[string]any{"plan": "before-after", "before": int64(5)}, "before"},
		"after too large":          {map[string]any{"plan": "before-after", "after": "9999+9999"}, "after"},
		"after of size 0":          {map[string]any{"plan": "before-after", "after": "0+10"}, "after"},
		"after without limit":      {map[string]any{"plan": "before-after", "after": "5+-1"}, "after"},
		"after of unknown setting": {map[string]any{"plan": "before-after", "after": "url=postgres://u:secret@h/d"}, "after"},
		"after given twice":        {map[string]any{"plan": "before-after", "after": "5+10,poolSize=3"}, "after"},
		"after of bad value":       {map[string]any{"plan": "before-after", "after": "poolPrePing=maybe"}, "after"},
		"one size":                 {map[string]any{"plan": "tune", "sizes": "5+10"}, "sizes"},
		"size of 0":                {map[string]any{"plan": "tune", "sizes": "0,5"}, "sizes"},
		"size twice":               {map[string]any{"plan": "tune", "sizes": "5,5+0"}, "sizes"},
		"size of no number":        {map[string]any{"plan": "tune", "sizes": "5,x"}, "sizes"},
		"size without limit":       {map[string]any{"plan": "tune", "sizes": "5,10+-1"}, "sizes"},
		"size too large":           {map[string]any{"plan": "tune", "sizes": "5,10000+1"}, "sizes"},
		"size beyond numbers":      {map[string]any{"plan": "tune", "sizes": "5,99999999999999999999"}, "sizes"},
		"sizes of another type":    {map[string]any{"plan": "tune", "sizes": true}, "sizes"},
		"sizes of objects":         {map[string]any{"plan": "tune", "sizes": []any{map[string]any{}}}, "sizes"},
		"negative seed":            {map[string]any{"plan": "tune", "seed": int64(-1)}, "seed"},
		"tolerance of 100 %":       {map[string]any{"plan": "tune", "tolerance": int64(1)}, "tolerance"},
		"no criteria":              {map[string]any{"plan": "capacity"}, "criteria"},
		"empty criteria":           {map[string]any{"plan": "capacity", "criteria": []any{}}, "criteria"},
		"criteria of text":         {map[string]any{"plan": "capacity", "criteria": "pool"}, "criteria"},
		"criterion of nothing":     {map[string]any{"plan": "capacity", "criteria": []any{map[string]any{}}}, "criteria"},
		"unknown field":            {map[string]any{"plan": "capacity", "criteria": []any{map[string]any{"nam": "x"}}}, "criteria"},
		"criterion twice":          {map[string]any{"plan": "capacity", "criteria": []any{success(), success()}}, "criteria"},
		"criterion of no step": {map[string]any{"plan": "capacity", "criteria": []any{
			merged(success(), map[string]any{"metric": "http_req_duration", "pass": "p(95)<1"})}}, "criteria"},
		"criterion that is no JSON": {map[string]any{"plan": "capacity", "criteria": []any{math.NaN()}}, "criteria"},
		"unknown gate":              {map[string]any{"plan": "capacity", "criteria": criteria, "gate": "warn"}, "gate"},
		"unknown waiver":            {map[string]any{"plan": "capacity", "criteria": criteria, "waive": []any{"cpu"}}, "waive"},
		"all waived":                {map[string]any{"plan": "capacity", "criteria": criteria, "waive": []any{"success_rate"}}, "waive"},
		"waive as text":             {map[string]any{"plan": "capacity", "criteria": criteria, "waive": "success_rate"}, "waive"},
		"steps that fall":           {map[string]any{"plan": "capacity", "criteria": criteria, "steps": "10,5"}, "steps"},
		"steps beyond users":        {map[string]any{"plan": "capacity", "criteria": criteria, "users": int64(10), "steps": "5,20"}, "steps"},
		"steps of half a user":      {map[string]any{"plan": "capacity", "criteria": criteria, "steps": "1.5"}, "steps"},
		"steps of no number":        {map[string]any{"plan": "capacity", "criteria": criteria, "steps": "NaN"}, "steps"},
		"no steps":                  {map[string]any{"plan": "capacity", "criteria": criteria, "steps": ""}, "steps"},
		"from beyond users":         {map[string]any{"plan": "capacity", "criteria": criteria, "users": int64(10), "from": int64(20)}, "from"},
		"from nothing":              {map[string]any{"plan": "capacity", "criteria": criteria, "from": int64(0)}, "from"},
		"from and steps":            {map[string]any{"plan": "capacity", "criteria": criteria, "steps": "5", "from": int64(5)}, "from"},
		"half a user wanted":        {map[string]any{"plan": "capacity", "criteria": criteria, "wanted": 1.5}, "wanted"},
		"less than nobody wanted":   {map[string]any{"plan": "capacity", "criteria": criteria, "wanted": int64(-1)}, "wanted"},
		"recycle of no time":        {map[string]any{"plan": "tune", "poolRecycle": "often"}, "poolRecycle"},
		"pre-ping of a number":      {map[string]any{"plan": "tune", "poolPrePing": int64(7)}, "poolPrePing"},
		"resolution of nothing":     {map[string]any{"plan": "capacity", "criteria": criteria, "resolution": int64(0)}, "resolution"},
		"pool of nothing":           {map[string]any{"plan": "capacity", "criteria": criteria, "poolSize": int64(0)}, "poolSize"},
		"overflow without limit":    {map[string]any{"plan": "capacity", "criteria": criteria, "maxOverflow": int64(-1)}, "maxOverflow"},
		"negative timeout":          {map[string]any{"plan": "tune", "poolTimeout": "-1s"}, "poolTimeout"},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := New(c.options)
			require.Nil(t, plan)
			var refused *OptionError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, c.option, refused.option)
			require.NotEmpty(t, refused.accepted)
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func merged(row, other map[string]any) map[string]any {
	for key, value := range other {
		row[key] = value
	}
	return row
}

// null and undefined are what was not given.
func TestOptionsNotGiven(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "tune", "users": nil, "sizes": nil, "rate": nil})
	require.Equal(t, 100, plan.Users())
	require.Equal(t, "tune", plan.Name())
}

func TestParseConfiguration(t *testing.T) {
	for text, want := range map[string]map[string]any{
		"5+10":                    {"poolSize": 5, "maxOverflow": 10},
		" 5 + 10 , poolTimeout=3": {"poolSize": 5, "maxOverflow": 10, "poolTimeout": "3s"},
		"poolSize=5,maxOverflow=10,poolPrePing=false,poolRecycle=-1": {"poolSize": 5, "maxOverflow": 10, "poolPrePing": false, "poolRecycle": -1},
		"poolRecycle=1h,queryExecMode=exec,statementTimeout=100ms":   {"poolRecycle": "1h0m0s", "queryExecMode": "exec", "statementTimeout": "100ms"},
	} {
		step, _ := planOf(t, map[string]any{"plan": "before-after", "before": text}).Next(nil)
		all := map[string]any{"poolSize": 5, "maxOverflow": 10, "poolTimeout": "30s", "poolRecycle": -1, "poolPrePing": false} // SQLAlchemy's
		maps.Copy(all, want)
		require.Equal(t, all, step.Options, text)
	}
}

func TestMetricNames(t *testing.T) {
	names := MetricNames()
	require.True(t, slices.IsSorted(names))
	require.Len(t, slices.Compact(slices.Clone(names)), len(names))
	for _, options := range []map[string]any{
		{"plan": "before-after"},
		{"plan": "tune"},
		{"plan": "capacity", "criteria": []any{fastEnough("900")}},
		{"plan": "capacity", "rate": 200, "criteria": []any{success()}},
	} {
		plan := planOf(t, options)
		require.NoError(t, plan.Prepare(Server{Cores: 2, Server: sizing.Server{MaxConnections: 100, SuperuserReserved: 3}}))
		s := slowQuery
		s.cpuPerCheckout = 0.1
		values := plan.Result(run(t, plan, s, nil)).Values
		require.Greater(t, len(values), 4)
		for name, value := range values {
			require.Contains(t, names, name)
			require.False(t, math.IsNaN(value) || math.IsInf(value, 0), name)
		}
	}
}

// A plan knows of the pool's size what the environment says of it.
func TestForPool(t *testing.T) {
	config := pool.DefaultConfig()
	config.PoolSize, config.MaxOverflow, config.PoolTimeout = 50, 100, 3*time.Second
	options := map[string]any{"plan": "capacity", "maxOverflow": int64(5), "criteria": []any{success()}}
	plan := planOf(t, ForPool(options, config))
	require.Equal(t, 55, plan.Connections())
	step, _ := plan.Next(nil)
	require.Equal(t, map[string]any{"poolSize": 50, "maxOverflow": 5, "poolTimeout": "3s"}, step.Options)
	require.NotContains(t, options, "poolSize")

	over := planOf(t, ForPool(map[string]any{"plan": "capacity", "http": true, "criteria": []any{success()}}, config))
	require.Zero(t, over.Connections())
	step, _ = over.Next(nil)
	require.Nil(t, step.Options)
	config.PoolRecycle, config.PoolPrePing = pool.RecycleNever, false
	step, _ = planOf(t, ForPool(map[string]any{"plan": "tune", "sizes": "5,10"}, config)).Next(nil)
	require.Equal(t, "3s", step.Options["poolTimeout"])
	require.Equal(t, -1, step.Options["poolRecycle"])
	require.Equal(t, false, step.Options["poolPrePing"])
	require.Equal(t, 60, planOf(t, ForPool(map[string]any{"plan": "before-after"}, config)).Connections())
}
