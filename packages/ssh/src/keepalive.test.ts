import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { KeepaliveJudge, TUNNEL_KEEPALIVE, USER_KEEPALIVE } from "./keepalive.ts";
import type { KeepaliveStep } from "./keepalive.ts";

/** What is judged at each look: bytes heard and sent since the look before. */
function judge(
  judged: KeepaliveJudge,
  looks: readonly { heard?: number; sent?: number; queued?: number }[],
): KeepaliveStep[] {
  let received = 0;
  let sent = 0;
  return looks.map((look) => {
    received += look.heard ?? 0;
    sent += look.sent ?? 0;
    const step = judged.look({ received, sent, queued: look.queued ?? 0 });
    // Asking sends bytes, which then wait for an answer.
    if (step === "ask") sent += 64;
    return step;
  });
}
const silent = {};

describe("KeepaliveJudge", () => {
  const rows: readonly {
    name: string;
    looks: readonly { heard?: number; sent?: number; queued?: number }[];
    want: readonly KeepaliveStep[];
    why: string;
  }[] = [
    {
      name: "leaves a peer alone that talks",
      looks: [{ heard: 9, sent: 100 }, { heard: 1, queued: 5 }, { heard: 1 }],
      want: ["wait", "wait", "wait"],
      why: "whoever talks is alive",
    },
    {
      name: "asks at each look while bytes are outstanding, and cuts at the third silent look",
      looks: [{ heard: 1 }, { sent: 100 }, silent, silent],
      want: ["wait", "ask", "ask", "cut"],
      why: "a hung tunnel is gone within 15 s",
    },
    {
      name: "counts bytes the socket has not taken as outstanding",
      looks: [{ heard: 1 }, { queued: 1 }, { queued: 1 }, { queued: 1 }],
      want: ["wait", "ask", "ask", "cut"],
      why: "a full socket is a peer that does not read",
    },
    {
      name: "asks an idle peer only every second look",
      looks: [{ heard: 1 }, silent, silent, { heard: 40 }, silent, silent, { heard: 40 }],
      want: ["wait", "wait", "ask", "wait", "wait", "ask", "wait"],
      why: "idle connections must cost next to nothing",
    },
    {
      name: "starts anew after an answer",
      looks: [{ heard: 1 }, { sent: 1 }, silent, { heard: 1 }, { sent: 1 }, silent, silent],
      want: ["wait", "ask", "ask", "wait", "ask", "ask", "cut"],
      why: "one answer proves life",
    },
  ];
  for (const { name, looks, want, why } of rows) {
    it(`KeepaliveJudge ${name}`, () => {
      assert.deepEqual(judge(new KeepaliveJudge(TUNNEL_KEEPALIVE), looks), want, why);
    });
  }
  it("KeepaliveJudge notices a tunnel's peer within 15 s, idle or not, and at worst just after a look", () => {
    for (const look of [{ heard: 1 }, { heard: 1, queued: 5 }]) {
      const steps = judge(new KeepaliveJudge(TUNNEL_KEEPALIVE), [look, ...Array<object>(10).fill(silent)]);
      // The peer fell silent right after the look before the first one of these.
      assert.ok((steps.indexOf("cut") + 1) * TUNNEL_KEEPALIVE.lookEveryMs <= 15_000);
    }
  });
  it("KeepaliveJudge gives people five minutes", () => {
    const steps = judge(new KeepaliveJudge(USER_KEEPALIVE), [
      { heard: 1 },
      { sent: 1 },
      ...Array<object>(10).fill(silent),
    ]);
    assert.equal(steps.indexOf("cut"), 11);
    assert.ok(10 * USER_KEEPALIVE.lookEveryMs >= 300_000);
  });
});
