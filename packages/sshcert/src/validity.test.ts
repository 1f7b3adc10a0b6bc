import assert from "node:assert/strict";
import { test } from "node:test";

import { dateOfSeconds, FOREVER, secondsOfDate, validityAt } from "./validity.ts";
import type { ValidityState } from "./validity.ts";

const WINDOW = { validAfter: 1000n, validBefore: 2000n };

const ROWS: readonly { name: string; ms: number; want: ValidityState; why: string }[] = [
  {
    name: "before",
    ms: 999_999,
    want: "not-yet-valid",
    why: "the millisecond before counts as the second before",
  },
  { name: "at the start", ms: 1_000_000, want: "valid", why: "validAfter is included" },
  { name: "in the last millisecond", ms: 1_999_999, want: "valid", why: "validBefore is excluded" },
  { name: "at the end", ms: 2_000_000, want: "expired", why: "sshd refuses at validBefore" },
];

for (const row of ROWS) {
  test(`validityAt says ${row.want} ${row.name}`, () => {
    assert.equal(validityAt(WINDOW, new Date(row.ms)), row.want, row.why);
  });
}

test("validityAt says empty for a window that ends before it begins", () => {
  assert.equal(validityAt({ validAfter: 5n, validBefore: 5n }, new Date(5000)), "empty");
});

test("validityAt says valid in the endless window of ssh-keygen", () => {
  assert.equal(
    validityAt({ validAfter: 0n, validBefore: FOREVER }, new Date(8_640_000_000_000_000)),
    "valid",
  );
});

test("validityAt counts UTC seconds through a change of daylight saving", () => {
  // 2026-10-25 01:00 UTC: 02:59:59 is followed by 02:00:00 in Berlin.
  const change = Date.UTC(2026, 9, 25, 1);
  const window = { validAfter: BigInt(change / 1000 - 1800), validBefore: BigInt(change / 1000 + 1800) };
  const before = process.env["TZ"];
  try {
    for (const zone of ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]) {
      process.env["TZ"] = zone;
      assert.equal(validityAt(window, new Date(change - 1_800_001)), "not-yet-valid", zone);
      assert.equal(validityAt(window, new Date(change - 1)), "valid", zone);
      assert.equal(validityAt(window, new Date(change + 1_799_999)), "valid", zone);
      assert.equal(validityAt(window, new Date(change + 1_800_000)), "expired", zone);
    }
  } finally {
    if (before === undefined) delete process.env["TZ"];
    else process.env["TZ"] = before;
  }
});

test("secondsOfDate refuses what is no date", () => {
  assert.throws(() => secondsOfDate(new Date(Number.NaN)), RangeError);
  assert.throws(() => secondsOfDate(new Date(-1)), RangeError);
});

test("dateOfSeconds is undefined beyond JavaScript's dates", () => {
  assert.equal(dateOfSeconds(FOREVER), undefined);
  assert.equal(dateOfSeconds(8_640_000_000_001n), undefined);
  assert.equal(dateOfSeconds(1_767_225_600n)?.toISOString(), "2026-01-01T00:00:00.000Z");
});
