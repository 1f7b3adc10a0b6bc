/**
 * Warpgate GHSA-3cjp-w4cp-m9c8: an empty answer to a question for a secret was good enough. Here an empty
 * answer is never shown to whoever judges answers, however lenient they are. (Empty passwords and codes of
 * the web page are the sign-in's own tests.)
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { startSsh2 } from "@teleport-access/ssh";
import { MSG } from "../../packages/ssh/src/messages.ts";
import { alice, authFixture, readyPeer } from "../../packages/ssh/src/testing/auth-fixture.ts";
import { message, signedRequest } from "../../packages/ssh/src/testing/raw-peer.ts";

before(async () => {
  await startSsh2();
});

for (const [what, responses] of [
  ["an empty answer", [""]],
  ["no answer", []],
  ["one answer too many", ["123456", "123456"]],
] as const)
  test(`${what} to the second factor's question is refused`, async () => {
    const prompts = [{ text: "Code: ", echo: false }];
    const challenge = { instruction: "", prompts, answer: () => true };
    const world = authFixture({
      authenticate: () => ({ accept: "challenge", identity: "alice", challenge }),
    });
    const peer = await readyPeer(world);
    peer.send(signedRequest(peer.transport.sessionId, "alice", alice));
    await peer.next(MSG.USERAUTH_FAILURE);
    const request = message(MSG.USERAUTH_REQUEST).string("alice").string("ssh-connection");
    peer.send(request.string("keyboard-interactive").string("").string(""));
    await peer.next(MSG.USERAUTH_60);
    const answer = message(MSG.USERAUTH_INFO_RESPONSE).u32(responses.length);
    for (const text of responses) answer.string(text);
    peer.send(answer);
    await Promise.race([peer.next(MSG.USERAUTH_FAILURE), peer.next(MSG.USERAUTH_SUCCESS)]);
    assert.equal(world.connections.length, 0);
    assert.match(world.refused[0]?.reason ?? "", /^challenge-/);
    await world.server.close();
  });
