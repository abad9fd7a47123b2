// Does a figure grow? A series of measurements of a run of any length.

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

  // growth is the least, with 95 % confidence, that the figure has grown by from
  // the first point to the last, below 0 where it may not have grown at all; the
  // first quarter is left out, in which a process warms up. null for too few
  // points. Points are taken for independent of each other: where they are not, the
  // interval is too narrow, so a limit should ask for a growth that matters, too.
  growth() {
    const settled = this.points.slice(Math.floor(this.points.length / 4));
    if (settled.length < fewest) {
      return null;
    }
    return pgxpool.trend(settled).low * (settled[settled.length - 1][0] - settled[0][0]);
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
