package report

import "github.com/flowboard/xk6-pgxpool/internal/text"

func allFinite(values []float64) bool {
	for _, value := range values {
		if !text.IsFinite(value) {
			return false
		}
	}
	return true
}
