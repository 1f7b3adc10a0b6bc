import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { SshWriter } from "@teleport-access/sshcert";

import type { AuthChallenge } from "./auth-server.ts";
import type { SshServerLimits } from "./limits.ts";
import { MSG } from "./messages.ts";
import { startSsh2 } from "./startup.ts";
import { alice, aliceBody, authFixture, judge, mallory, readyPeer } from "./testing/auth-fixture.ts";
import type { AuthFixture } from "./testing/auth-fixture.ts";
import { message, rawClient, signedRequest } from "./testing/raw-peer.ts";
import type { RawPeer } from "./testing/raw-peer.ts";

describe("createSshServer, with a challenge after the key", () => {
  before(async () => {
    await startSsh2();
  });

  const challenge: AuthChallenge = {
    instruction: "One more thing",
    prompts: [{ text: "Code: ", echo: false }],
    answer: ([code]) => code === "123456",
  };
  function challenging(asked = challenge, limits: Partial<SshServerLimits> = {}): AuthFixture {
    return authFixture({
      limits,
      authenticate(request) {
        const verdict = judge(request);
        return verdict.accept === true ? { ...verdict, accept: "challenge", challenge: asked } : verdict;
      },
    });
  }
  async function prove(world: AuthFixture): Promise<RawPeer> {
    const peer = await readyPeer(world);
    peer.send(signedRequest(peer.transport.sessionId, "alice", alice));
    const failure = await peer.next(MSG.USERAUTH_FAILURE);
    assert.deepEqual([failure.text(), failure.u8()], ["keyboard-interactive", 1]);
    return peer;
  }
  function interactive(): SshWriter {
    const request = message(MSG.USERAUTH_REQUEST).string("alice").string("ssh-connection");
    return request.string("keyboard-interactive").string("").string("");
  }
  function answers(...all: string[]): SshWriter {
    const response = message(MSG.USERAUTH_INFO_RESPONSE).u32(all.length);
    for (const one of all) response.string(one);
    return response;
  }

  it("lets in only with the key and then the right answer", async () => {
    const world = challenging();
    const peer = await prove(world);
    peer.send(interactive());
    const info = await peer.next(MSG.USERAUTH_60);
    assert.deepEqual(
      [info.text(), info.text(), info.text(), info.u32(), info.text(), info.u8()],
      ["", "One more thing", "", 1, "Code: ", 0],
    );
    peer.send(answers("000000"));
    await peer.next(MSG.USERAUTH_FAILURE);
    peer.send(interactive());
    await peer.next(MSG.USERAUTH_60);
    peer.send(answers("123456"));
    await peer.next(MSG.USERAUTH_SUCCESS);
    assert.equal(world.connections[0]?.identity, "alice");
    assert.deepEqual(world.refused, [], "what is wrong with an answer is the program's to say");
    await world.server.close();
  });
  for (const [name, answer] of [
    ["no answer", answers()],
    ["an empty answer", answers("")],
    ["two answers", answers("123456", "123456")],
  ] as const) {
    it(`refuses ${name}`, async () => {
      const world = challenging();
      const peer = await prove(world);
      peer.send(interactive());
      await peer.next(MSG.USERAUTH_60);
      peer.send(answer);
      await peer.next(MSG.USERAUTH_FAILURE);
      assert.equal(world.connections.length, 0);
      assert.equal(world.refused[0]?.reason, "challenge-unanswered");
      await world.server.close();
    });
  }
  for (const [name, answer] of [
    [
      "throws",
      () => {
        throw new Error("defect");
      },
    ],
    ["rejects", () => Promise.reject(new Error("defect"))],
    ["answers something else than a boolean", () => "yes" as unknown as boolean],
  ] as const) {
    it(`refuses when the program's judgement ${name}`, async () => {
      const world = challenging({ ...challenge, answer });
      const peer = await prove(world);
      peer.send(interactive());
      await peer.next(MSG.USERAUTH_60);
      peer.send(answers("123456"));
      await peer.next(MSG.USERAUTH_FAILURE);
      assert.equal(world.connections.length, 0);
      await world.server.close();
    });
  }
  it("gives time to type, once, and ends the connection when it is over", async () => {
    const world = challenging(challenge, { loginGraceMs: 1000, challengeMs: 5000 });
    const peer = await prove(world);
    world.clock.advance(4999);
    peer.send(signedRequest(peer.transport.sessionId, "alice", alice));
    await peer.next(MSG.USERAUTH_FAILURE);
    world.clock.advance(1);
    await peer.closed;
    assert.equal(world.refused[0]?.reason, "login-grace");
    await world.server.close();
  });
  it("lets others of the same address come while somebody types", async () => {
    const world = challenging(challenge, { unauthenticatedPerAddress: 1, challengedPerAddress: 1 });
    const [first, second] = [await prove(world), await prove(world)];
    const third = rawClient(world.server);
    await third.closed;
    assert.deepEqual(
      world.refused.map(({ reason }) => reason),
      ["too-many-from-address"],
      "the second has no place among those who type",
    );
    for (const peer of [first, second]) {
      peer.send(interactive());
      await peer.next(MSG.USERAUTH_60);
      peer.send(answers("123456"));
      await peer.next(MSG.USERAUTH_SUCCESS);
    }
    assert.deepEqual([world.server.unauthenticated(), world.server.connections()], [0, 2]);
    await world.server.close();
  });
  it("does not ask anybody who has not proven a key in this attempt", async () => {
    const world = challenging();
    const peer = await prove(world);
    peer.send(new SshWriter().raw(aliceBody(mallory, false)));
    await peer.next(MSG.USERAUTH_FAILURE);
    peer.send(interactive());
    const failure = await peer.next(MSG.USERAUTH_FAILURE);
    assert.equal(failure.text(), "publickey", "the earlier proof is forgotten");
    peer.send(answers("123456"));
    await peer.closed;
    assert.equal(world.connections.length, 0);
    await world.server.close();
  });
  it("ends the connection after six wrong answers", async () => {
    const world = challenging();
    const peer = await prove(world);
    for (let i = 0; i < 6; i += 1) {
      peer.send(interactive());
      await peer.next(MSG.USERAUTH_60);
      peer.send(answers("000000"));
      if (i < 5) await peer.next(MSG.USERAUTH_FAILURE);
    }
    await peer.closed;
    assert.equal(world.connections.length, 0);
    await world.server.close();
  });
});
