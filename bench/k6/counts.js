// A case of users.js that tells also what the process has allocated; needs the
// k6 of ../k6memory.

import memory from 'k6/x/benchmemory';
import { handleSummary as summary } from './users.js';

export { default, options } from './users.js';

export const handleSummary = (data) => ({
  stdout: JSON.stringify({ ...JSON.parse(summary(data).stdout), ...memory.allocated() }) + '\n',
});
