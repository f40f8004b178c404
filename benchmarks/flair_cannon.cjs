// Asks for flairs by autocannon: `node flair_cannon.cjs '{"url": …}'` prints one JSON line of what it measured.
'use strict';

const autocannon = require('autocannon');

const plan = JSON.parse(process.argv[2]);
const statuses = {};

// Each asker comes from another address, as people do: one alone may not ask so often.
let number = plan.seed * 7919;
const asker = () => `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;

const instance = autocannon(
  {
    url: plan.url,
    connections: plan.connections,
    duration: plan.seconds,
    timeout: 30,
    requests: [
      {
        setupRequest(request) {
          number += 1;
          const who = number % plan.people;
          const path = plan.path.replace('{}', `@supporter${who}:s${who % 50}.example`);
          return { ...request, path, headers: { 'x-forwarded-for': asker() } };
        },
        onResponse(status) {
          statuses[status] = (statuses[status] ?? 0) + 1;
        },
      },
    ],
  },
  (error, result) => {
    if (error) throw error;
    const answered = Object.values(statuses).reduce((sum, count) => sum + count, 0);
    console.log(JSON.stringify({ rate: answered / result.duration, lost: result.errors + result.timeouts, statuses }));
  },
);
instance.on('error', (error) => { throw error; });
