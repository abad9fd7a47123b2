// A scenario that one k6 runs alone.

import exec from 'k6/execution';

// alone refuses, in setup(), to run a part of the test (k6's
// --execution-segment). k6 divides every scenario's users, also where there is
// one that measures or makes the trouble: only one of several runners would have
// it, and the others would have nothing to judge at the end.
export function alone() {
  const { executionSegment: segment } = exec.test.options;
  if (segment && String(segment) !== '0:1') {
    throw new Error(`this scenario takes its measurements in one k6, and execution segment ${segment} is a part of it: `
      + 'run it without --execution-segment, and with a smaller CONCURRENT where one machine does not make all users');
  }
}

// keepsScenarios refuses, in setup(), what replaces the scenarios of a script that
// are its subject.
export function keepsScenarios() {
  if (exec.test.options.scenarios?.default) {
    throw new Error('this script has scenarios of its own, which k6\'s --vus, --duration, --iterations and --stage replace: '
      + 'use -e CONCURRENT=… and -e DURATION=… in their place');
  }
}

// replaced is what k6 then runs in their place, where setup() lets it: it wants a
// default function.
export function replaced() {}
