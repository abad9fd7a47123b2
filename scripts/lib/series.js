// Does a value grow? A series of measurements of a run of any length.

import pgxpool from 'k6/x/pgxpool';

const most = 240; // points: more are merged pairwise
const fewest = 10; // points that a slope needs

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

  // growth is the least, with 95 % confidence, that the values have grown by from
  // the first point to the last, below 0 where they may not have grown at all; the
  // first quarter is left out, in which a process warms up. null for too few
  // points. Points are taken for independent of each other: where they are not, the
  // interval is too narrow, so a limit should ask for a growth that matters, too.
  // A slope does not see a step late in the run: where nine of ten values of the
  // last tenth lie above nine of ten of the half before it, their distance counts.
  growth() {
    const settled = this.points.slice(Math.floor(this.points.length / 4));
    if (settled.length < fewest) {
      return null;
    }
    const slope = pgxpool.trend(settled).low * (settled[settled.length - 1][0] - settled[0][0]);
    const last = settled.slice(-Math.max(5, Math.floor(this.points.length / 10)));
    const before = settled.slice(0, Math.floor(settled.length / 2));
    return Math.max(slope, quantile(last, 0.1) - quantile(before, 0.9));
  }

  // typical is the median value.
  typical() {
    return quantile(this.points, 0.5);
  }
}

function quantile(points, q) {
  const values = points.map(([, value]) => value).sort((a, b) => a - b);
  return values[Math.min(values.length - 1, Math.floor(q * values.length))];
}

function mean(points) {
  const sum = (of) => points.reduce((total, point) => total + point[of], 0);
  return [sum(0) / points.length, sum(1) / points.length];
}
