// Values of a finished run, for what a report says besides its criteria.

// valueOf looks up one value of a metric in what k6 gives to handleSummary. A
// metric with a tag, such as request_success{pre_ping:on}, is there if it has a
// threshold (see keep).
export function valueOf(data, metric, value) {
  return data.metrics?.[metric]?.values[value] ?? 0;
}

// keep adds thresholds that always hold, so that k6 keeps these metrics apart.
export function keep(thresholds, ...metrics) {
  const kept = { ...thresholds };
  for (const metric of metrics) {
    kept[metric] = kept[metric] || [];
  }
  return kept;
}
