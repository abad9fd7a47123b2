package module

import (
	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// trend gives { slope, low, high } of [time, value] pairs, in values per unit of
// time.
func (i *instance) trend(call sobek.FunctionCall) sobek.Value {
	var points [][]float64
	pairs := i.rt.ExportTo(call.Argument(0), &points) == nil && len(points) >= 2
	var times, values []float64
	for _, point := range points {
		if pairs = pairs && len(point) == 2; pairs {
			times, values = append(times, point[0]), append(values, point[1])
		}
	}
	if !pairs {
		i.throw(argumentsError("trend(points)", "points is "+sqlvalue.TypeName(call.Argument(0))+
			", accepted is an array of at least two [time, value] pairs in order of time"))
	}
	found := timeline.TrendOf(times, values)
	result := i.rt.NewObject()
	for name, value := range map[string]float64{"slope": found.Slope, "low": found.Low, "high": found.High} {
		i.must(result.Set(name, value))
	}
	return result
}
