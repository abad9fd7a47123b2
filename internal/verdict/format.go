package verdict

import "github.com/flowboard/xk6-pgxpool/internal/text"

// limit writes a bound as a column of a table shows it: "≥ 95.0 %", "none".
func limit(e expression, unit text.Unit) string {
	if isNone(e) {
		return "none"
	}
	return map[string]string{
		"<": "<", "<=": "≤", ">": ">", ">=": "≥", "!=": "≠", "==": "=", "===": "=",
	}[e.operator] + " " + unit.Format(e.bound)
}

// limitInWords writes a bound as a sentence says it: "at least 95.0 %".
func limitInWords(e expression, unit text.Unit) string {
	if isNone(e) {
		return "none"
	}
	return map[string]string{
		"<": "less than", "<=": "at most", ">": "more than", ">=": "at least",
		"!=": "anything but", "==": "exactly", "===": "exactly",
	}[e.operator] + " " + unit.Format(e.bound)
}

func isNone(e expression) bool {
	return e.bound == 0 && (e.operator == "==" || e.operator == "===")
}
