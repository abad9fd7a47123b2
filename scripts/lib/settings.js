// The scenarios' own settings, from k6's -e or the environment. The pool's are
// the module's business.

// number reads a setting that is a number of at least `least`.
export function number(name, byDefault, least) {
  const text = __ENV[name];
  if (text === undefined || text === '') {
    return byDefault;
  }
  const value = Number(text);
  if (!Number.isFinite(value) || value < least || text.trim() === '') {
    throw new Error(`${name} is ${JSON.stringify(text)}: accepted is a number of at least ${least}`);
  }
  return value;
}

export function whole(name, byDefault, least) {
  const value = number(name, byDefault, least);
  if (!Number.isInteger(value)) {
    throw new Error(`${name} is ${value}: accepted is a whole number of at least ${least}`);
  }
  return value;
}

const units = { ms: 0.001, s: 1, m: 60, h: 3600 };

// seconds reads a length of time as the pool's own settings are written: a
// number of seconds, or a number with its unit such as 500ms or 1h.
export function seconds(name, byDefault, least) {
  const text = __ENV[name];
  if (text === undefined || text === '') {
    return byDefault;
  }
  const [, value, unit] = /^([\d.]+)(ms|s|m|h)?$/.exec(text) || [];
  const length = Number(value) * units[unit || 's'];
  if (!(length >= least)) {
    throw new Error(`${name} is ${JSON.stringify(text)}: accepted are seconds or a time such as "500ms", at least ${least} s`);
  }
  return length;
}

// users is as many as CONCURRENT for DURATION seconds; k6's own --vus and
// --duration win over both.
export function users() {
  return {
    vus: whole('CONCURRENT', 100, 1),
    duration: `${number('DURATION', 300, 1)}s`,
  };
}

export const thinkTime = number('THINK', 1, 0); // seconds
export const interval = number('INTERVAL', 5, 0); // seconds, 0 for no status lines
