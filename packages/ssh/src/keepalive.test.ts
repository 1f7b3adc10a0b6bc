import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { AGENT_KEEPALIVE, KeepaliveJudge, TUNNEL_KEEPALIVE, USER_KEEPALIVE } from "./keepalive.ts";
import type { KeepalivePolicy, KeepaliveStep } from "./keepalive.ts";

interface Look {
  readonly heard?: number;
  readonly sent?: number;
  readonly queued?: number;
}

/** What is judged at each look: bytes heard and sent since the look before. */
function judge(judged: KeepaliveJudge, looks: readonly Look[]): KeepaliveStep[] {
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
const silent: Look = {};
const POLICY: KeepalivePolicy = { lookEveryMs: 1000, idleLooks: [3, 5], outstandingLooks: 1, answerLooks: 1 };

function earliest(): number {
  return 0;
}

function latest(): number {
  return 0.999;
}

describe("KeepaliveJudge", () => {
  const rows: readonly {
    name: string;
    looks: readonly Look[];
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
      name: "asks soon while bytes are outstanding, once, and cuts when no answer came",
      looks: [{ heard: 1 }, { sent: 100 }, silent, silent],
      want: ["wait", "ask", "wait", "cut"],
      why: "a second question in the same stream would say no more",
    },
    {
      name: "counts bytes the socket has not taken as outstanding",
      looks: [{ heard: 1 }, { queued: 1 }, { queued: 1 }, { queued: 1 }],
      want: ["wait", "ask", "wait", "cut"],
      why: "a full socket is a peer that does not read",
    },
    {
      name: "asks an idle peer late",
      looks: [{ heard: 1 }, silent, silent, silent, { heard: 40 }, silent, silent, silent],
      want: ["wait", "wait", "wait", "ask", "wait", "wait", "wait", "ask"],
      why: "idle connections must cost next to nothing",
    },
    {
      name: "takes the peer's own question as a sign of life, and our answer as nothing outstanding",
      looks: [{ heard: 1 }, silent, silent, { heard: 64, sent: 40 }, silent, silent, silent],
      want: ["wait", "wait", "wait", "wait", "wait", "wait", "ask"],
      why: "one side's question and the other's answer serve both",
    },
    {
      name: "starts anew after an answer",
      looks: [{ heard: 1 }, { sent: 1 }, silent, { heard: 1 }, { sent: 1 }, silent, silent],
      want: ["wait", "ask", "wait", "wait", "ask", "wait", "cut"],
      why: "one answer proves life",
    },
  ];
  for (const { name, looks, want, why } of rows) {
    it(`KeepaliveJudge ${name}`, () => {
      assert.deepEqual(judge(new KeepaliveJudge(POLICY, earliest), looks), want, why);
    });
  }
  it("KeepaliveJudge asks idle peers at looks of chance, so that ten thousand do not ask in step", () => {
    const looks = [{ heard: 1 }, ...Array<Look>(5).fill(silent)];
    assert.equal(judge(new KeepaliveJudge(POLICY, earliest), looks).indexOf("ask"), 3);
    assert.equal(judge(new KeepaliveJudge(POLICY, latest), looks).indexOf("ask"), 5);
  });
  for (const [side, policy] of [
    ["an agent", TUNNEL_KEEPALIVE],
    ["a proxy", AGENT_KEEPALIVE],
  ] as const) {
    it(`KeepaliveJudge notices ${side} that hangs within 15 s, idle or not, and at worst just after a look`, () => {
      for (const look of [{ heard: 1 }, { heard: 1, queued: 5 }]) {
        const looks = [look, ...Array<Look>(30).fill(silent)];
        const steps = judge(new KeepaliveJudge(policy, latest), looks);
        // The peer fell silent right after the look before the first one of these.
        assert.ok(steps.includes("cut"));
        assert.ok(
          (steps.indexOf("cut") + 1) * policy.lookEveryMs <= 14_000,
          "and a second for a busy machine",
        );
        assert.ok(
          (steps.indexOf("cut") - steps.indexOf("ask")) * policy.lookEveryMs >= 4_000,
          "time to answer",
        );
      }
    });
  }
  it("KeepaliveJudge leaves the question of an idle tunnel to the proxy", () => {
    // A look to hear the answer, and the next one may be a whole period away.
    assert.ok(AGENT_KEEPALIVE.idleLooks[0] > TUNNEL_KEEPALIVE.idleLooks[1]);
  });
  it("KeepaliveJudge gives people five minutes", () => {
    const steps = judge(new KeepaliveJudge(USER_KEEPALIVE), [
      { heard: 1 },
      { sent: 1 },
      ...Array<Look>(10).fill(silent),
    ]);
    assert.equal(steps.indexOf("cut"), 11);
    assert.ok(10 * USER_KEEPALIVE.lookEveryMs >= 300_000);
  });
});
