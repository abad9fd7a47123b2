// Does a figure grow? The slope of a series of measurements by Theil and Sen,
// the median of the slopes between all pairs of points, which outliers do not
// move; with the bounds between which it lies with 95 % confidence.
//
// Sen, "Estimates of the Regression Coefficient Based on Kendall's Tau", JASA 63
// (1968); the bounds as in Gilbert, "Statistical Methods for Environmental
// Pollution Monitoring" (1987), 16.5. Points are taken for independent of each
// other: where they are not, the bounds are too narrow, so a limit should ask
// for a growth that matters, too.

const z = 1.959964; // of the normal distribution, 95 % two-sided
const most = 240; // points: more are merged pairwise

// slope takes [time, value] pairs in order of time and gives { low, slope, high }
// in values per unit of time; null for fewer than ten points.
export function slope(points) {
  const n = points.length;
  if (n < 10) {
    return null;
  }
  const slopes = [];
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      slopes.push((points[j][1] - points[i][1]) / (points[j][0] - points[i][0]));
    }
  }
  slopes.sort((a, b) => a - b);
  const reach = z * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const at = (rank) => slopes[Math.min(Math.max(Math.round(rank), 0), slopes.length - 1)];
  const middle = (slopes.length - 1) / 2;
  return {
    low: at((slopes.length - reach) / 2 - 1),
    slope: (slopes[Math.floor(middle)] + slopes[Math.ceil(middle)]) / 2,
    high: at((slopes.length + reach) / 2),
  };
}

// Series keeps measurements of a run of any length in at most 240 points.
export class Series {
  constructor() {
    this.points = []; // [time, mean value] of `each` measurements
    this.each = 1;
    this.open = []; // measurements of the next point
  }

  add(time, value) {
    this.open.push([time, value]);
    if (this.open.length < this.each) {
      return;
    }
    this.points.push(mean(this.open));
    this.open = [];
    if (this.points.length >= most) {
      this.points = this.points.filter((_, i) => i % 2 === 0).map((point, i) => mean([point, this.points[2 * i + 1]]));
      this.each *= 2;
    }
  }

  // growth is the least that the figure has certainly grown by from the first
  // point to the last, below 0 where it may not have grown at all; the first
  // quarter is left out, in which a process warms up. null for too few points.
  growth() {
    const settled = this.points.slice(Math.floor(this.points.length / 4));
    const found = slope(settled);
    return found && found.low * (settled[settled.length - 1][0] - settled[0][0]);
  }

  // typical is the median value.
  typical() {
    const values = this.points.map(([, value]) => value).sort((a, b) => a - b);
    return values[Math.floor(values.length / 2)];
  }
}

function mean(points) {
  const sum = (of) => points.reduce((total, point) => total + point[of], 0);
  return [sum(0) / points.length, sum(1) / points.length];
}
