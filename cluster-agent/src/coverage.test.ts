import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { planCoverage, TUNNELS_PER_REPLICA } from "./coverage.ts";
import type { Need, TunnelView } from "./coverage.ts";

interface Named extends TunnelView {
  readonly id: string;
}

/** "a" a tunnel to replica a, "?" one without hello; then "*" busy, "d" draining, "o" outdated. */
function tunnels(...specs: string[]): Named[] {
  return specs.map((spec, index) => ({
    id: `${spec}#${index}`,
    replica: spec.startsWith("?") ? undefined : spec.slice(0, 1),
    channels: spec.includes("*") ? 1 : 0,
    draining: spec.slice(1).includes("d"),
    outdated: spec.slice(1).includes("o"),
  }));
}

const ROWS: readonly {
  name: string;
  announced: string;
  tunnels: string;
  dial: Need;
  close: string;
  why: string;
}[] = [
  {
    name: "nothing is there",
    announced: "",
    tunnels: "",
    dial: "replica",
    close: "",
    why: "the first dial tells the replicas",
  },
  {
    name: "the proxy lists nobody",
    announced: "",
    tunnels: "a a",
    dial: "none",
    close: "",
    why: "two must do",
  },
  {
    name: "the hello is on its way",
    announced: "",
    tunnels: "? ?",
    dial: "none",
    close: "",
    why: "wait for it",
  },
  { name: "a replica has none", announced: "a b", tunnels: "a a", dial: "replica", close: "", why: "b" },
  {
    name: "a replica has one",
    announced: "a b",
    tunnels: "a a b",
    dial: "spare",
    close: "",
    why: "two per replica",
  },
  { name: "all are covered", announced: "a b", tunnels: "a b a b", dial: "none", close: "", why: "two each" },
  {
    name: "a third duplicate",
    announced: "a b",
    tunnels: "a a a",
    dial: "replica",
    close: "a#2",
    why: "the newest goes",
  },
  {
    name: "a third that is busy",
    announced: "a",
    tunnels: "a a a*",
    dial: "none",
    close: "",
    why: "nobody is cut for tidiness",
  },
  {
    name: "a replica that is not listed",
    announced: "a",
    tunnels: "a a x",
    dial: "none",
    close: "",
    why: "the list may lag; the proxy ends it when it goes",
  },
  {
    name: "a draining replica, alone",
    announced: "a",
    tunnels: "ad ad",
    dial: "replica",
    close: "",
    why: "connect elsewhere first",
  },
  {
    name: "a draining replica beside a good one",
    announced: "a b",
    tunnels: "ad ad b b",
    dial: "none",
    close: "ad#0 ad#1",
    why: "b serves",
  },
  {
    name: "a draining replica with people in it",
    announced: "a b",
    tunnels: "a*d ad b b",
    dial: "none",
    close: "ad#1",
    why: "they may finish",
  },
  {
    name: "an outdated pair",
    announced: "a",
    tunnels: "ao ao",
    dial: "replica",
    close: "",
    why: "make before break",
  },
  {
    name: "an outdated pair, one renewed",
    announced: "a",
    tunnels: "ao ao a",
    dial: "spare",
    close: "ao#0 ao#1",
    why: "a is served",
  },
  {
    name: "another replica outdated still",
    announced: "a b",
    tunnels: "ao bo a",
    dial: "replica",
    close: "ao#0",
    why: "b has nothing else yet",
  },
  {
    name: "outdated replicas that are gone",
    announced: "b",
    tunnels: "ao b b",
    dial: "none",
    close: "ao#0",
    why: "everything wanted is there",
  },
];

for (const row of ROWS) {
  test(`planCoverage when ${row.name}`, () => {
    const plan = planCoverage(
      row.announced.split(" ").filter(Boolean),
      tunnels(...row.tunnels.split(" ").filter(Boolean)),
    );
    assert.deepEqual(
      { dial: plan.dial, close: plan.close.map(({ id }) => id).join(" ") },
      { dial: row.dial, close: row.close },
      row.why,
    );
  });
}

test("planCoverage never closes a busy tunnel nor the last good one", () => {
  const tunnel = fc.record({
    id: fc.uuid(),
    replica: fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }),
    channels: fc.nat(2),
    draining: fc.boolean(),
    outdated: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.constantFrom("a", "b", "c")),
      fc.array(tunnel, { maxLength: 12 }),
      (announced, all) => {
        const { close, dial, covered } = planCoverage<Named>(announced, all);
        assert.ok(close.every(({ channels }) => channels === 0));
        assert.ok(!covered || dial === "none");
        const left = all.filter((t) => !close.includes(t));
        if (all.length > 0) assert.ok(left.length > 0);
        for (const replica of announced) {
          const good = left.filter((t) => t.replica === replica && !t.draining && !t.outdated).length;
          const had = all.filter((t) => t.replica === replica && !t.draining && !t.outdated).length;
          assert.ok(good >= Math.min(had, TUNNELS_PER_REPLICA));
          const going = all.some((t) => t.replica === replica && t.draining);
          const pending = left.some((t) => t.replica === undefined && !t.draining && !t.outdated);
          if (going || pending) continue;
          if (good < TUNNELS_PER_REPLICA) assert.notEqual(dial, "none");
          if (good === 0) assert.equal(dial, "replica");
        }
      },
    ),
  );
});
