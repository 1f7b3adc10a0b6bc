import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { countAttempt, createAddressBudget, networkOf, parseAttempts } from "./lockout.ts";

const POLICY = { maxAttempts: 5, windowSeconds: 900 };
const NOW = 1_800_000_000_000;

test("countAttempt lets five tries through in a quarter of an hour, wherever the window begins", () => {
  let attempts: readonly number[] = [];
  let passed = 0;
  for (let second = 0; second < 1800; second += 30) {
    const counted = countAttempt(attempts, NOW + second * 1000, POLICY);
    if (counted === "locked") continue;
    passed += 1;
    attempts = counted;
  }
  // 0, 30, 60, 90, 120 s; each is free again 900 s later: ten in half an hour.
  assert.equal(passed, 10);
});

test("countAttempt never lets more than the allowed number into any window", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 60 }), (gaps) => {
      let attempts: readonly number[] = [];
      let second = NOW / 1000;
      const passed: number[] = [];
      for (const gap of gaps) {
        second += gap;
        const counted = countAttempt(attempts, second * 1000, POLICY);
        if (counted === "locked") continue;
        attempts = counted;
        passed.push(second);
      }
      return passed.every((end) => passed.filter((at) => at > end - 900 && at <= end).length <= 5);
    }),
  );
});

test("countAttempt does not count a try while locked, so that nobody can be locked out for ever", () => {
  const full = [1, 2, 3, 4, 5].map((n) => NOW / 1000 - n);
  assert.equal(countAttempt(full, NOW, POLICY), "locked");
  assert.deepEqual(countAttempt(full, NOW + 900_000, POLICY), [NOW / 1000 + 900]);
});

test("countAttempt counts tries that a replica with a faster clock wrote down", () => {
  const ahead = [1, 2, 3, 4, 5].map((n) => NOW / 1000 + n);
  assert.equal(countAttempt(ahead, NOW, POLICY), "locked");
});

test("parseAttempts reads what was stored, and nothing from anything else", () => {
  assert.deepEqual(parseAttempts("[1,2,3]"), [1, 2, 3]);
  for (const text of [undefined, "", "{}", "null", '"x"', "[1", "x".repeat(5000)]) {
    assert.deepEqual(parseAttempts(text), [], String(text).slice(0, 10));
  }
  assert.deepEqual(parseAttempts('[1,"2",null,3.5,4]'), [1, 4]);
});

test("AddressBudget stops an address after its failures, and forgets after the window", () => {
  const budget = createAddressBudget({ failures: 3, windowMs: 1000, addresses: 10 });
  for (let n = 0; n < 3; n += 1) {
    assert.equal(budget.allows("192.0.2.1", n), true);
    budget.failed("192.0.2.1", n);
  }
  assert.equal(budget.allows("192.0.2.1", 999), false);
  assert.equal(budget.allows("192.0.2.2", 999), true);
  assert.equal(budget.allows("192.0.2.1", 1000), true);
});

test("AddressBudget remembers a bounded number of addresses, the newest ones", () => {
  const budget = createAddressBudget({ failures: 1, windowMs: 1000, addresses: 2 });
  for (const address of ["192.0.2.1", "192.0.2.2", "192.0.2.3"]) budget.failed(address, 0);
  assert.equal(budget.allows("192.0.2.1", 0), true);
  assert.equal(budget.allows("192.0.2.2", 0), false);
  assert.equal(budget.allows("192.0.2.3", 0), false);
});

test("networkOf takes an IPv6 /64 as one address, and a mapped IPv4 address as IPv4", () => {
  const table: readonly (readonly [string, string])[] = [
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:DB8:1:2::1", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["::1", "0:0:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["2001:0db8:0001:0002::", "2001:db8:1:2"],
  ];
  for (const [address, want] of table) assert.equal(networkOf(address), want, address);
});
