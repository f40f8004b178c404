// Knocks at the gate by autocannon: `node cannon.cjs '{"url": …}'` prints one JSON line of what it measured.
//
// kinds: shares of admit, again (a repeated hold), fresh (a new hold), flood_one, flood_many, flood_own.
'use strict';

const autocannon = require('autocannon');

const plan = JSON.parse(process.argv[2]);
const HOME = plan.home;

// xorshift32: the same draw for every server that is measured, another for every round.
let state = plan.seed | 1;
function draw(below) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

const recipient = (number) => `@recipient${number}:${HOME}`;
let fresh = plan.first;

const make = {
  // Uniformly over all pairs with a grant.
  admit() {
    const pair = draw(plan.grants);
    const door = pair % plan.doors;
    const other = (door * 31 + Math.floor(pair / plan.doors) * 9973) % plan.strangers;
    return [`@stranger${other}:s${other % plan.servers}.example`, recipient(door)];
  },
  again() {
    const number = draw(plan.held);
    return [`@held${number}:h${number % 500}.example`, recipient(number % plan.doors)];
  },
  held() {
    const number = fresh++;
    return [`@held${number}:h${number % 500}.example`, recipient(number % plan.doors)];
  },
  fresh() {
    const number = fresh++;
    return [`@new${number}:n${number}.example`, recipient(draw(plan.doors))];
  },
  flood_one() {
    return [`@flood${fresh++}:flood.example`, recipient(draw(plan.doors))];
  },
  flood_many() {
    const number = fresh++;
    return [`@flood${number}:f${number % 5000}.example`, recipient(draw(plan.doors))];
  },
  flood_own() {
    return [`@flood${fresh++}:${HOME}`, recipient(draw(plan.doors))];
  },
};

const kinds = Object.entries(plan.kinds);
function kind() {
  let place = draw(1000) / 1000;
  for (const [name, share] of kinds) {
    if (place < share) return name;
    place -= share;
  }
  return kinds[0][0];
}

const milliseconds = {};
const statuses = {};
let number = 0;

const instance = autocannon(
  {
    url: plan.url,
    connections: plan.connections,
    ...(plan.amount ? { amount: plan.amount } : { duration: plan.seconds }),
    ...(plan.rate ? { overallRate: plan.rate } : {}),
    timeout: 30,
    requests: [
      {
        method: 'POST',
        path: plan.path,
        headers: { authorization: `Bearer ${plan.bearer}`, 'content-type': 'application/json' },
        setupRequest(request, context) {
          context.kind = kind();
          const [inviter, invitee] = make[context.kind]();
          const body = JSON.stringify({ inviter, invitee, room_id: `!room${plan.rooms ? number++ % plan.rooms : number++}:bench.example` });
          context.began = process.hrtime.bigint();
          return { ...request, body };
        },
        onResponse(status, body, context) {
          const took = Number(process.hrtime.bigint() - context.began) / 1e6;
          // "settled" are all that wrote nothing new.
          for (const name of context.kind === 'fresh' ? ['fresh'] : [context.kind, 'settled']) {
            (milliseconds[name] ??= []).push(took);
            const counts = (statuses[name] ??= {});
            counts[status] = (counts[status] ?? 0) + 1;
          }
        },
      },
    ],
  },
  (error, result) => {
    if (error) throw error;
    const all = Object.fromEntries(
      Object.entries(milliseconds).map(([name, times]) => [name, times.sort((a, b) => a - b)]),
    );
    const at = (times, share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
    const told = Object.fromEntries(
      Object.entries(all).map(([name, times]) => [
        name,
        { count: times.length, p50: at(times, 0.5), p95: at(times, 0.95), p99: at(times, 0.99), statuses: statuses[name] },
      ]),
    );
    const answered = ['settled', 'fresh'].reduce((sum, name) => sum + (all[name] ?? []).length, 0);
    const lost = result.errors + result.timeouts;
    console.log(JSON.stringify({ rate: answered / result.duration, lost, next: fresh, kinds: told }));
  },
);
instance.on('error', (error) => { throw error; });
