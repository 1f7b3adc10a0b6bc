/**
 * ssh2's key.verify() answers with an Error object when a key cannot sign with the algorithm asked for;
 * programs that tested it for truth let in whoever had a public key (hyperbridge #1225). Here only
 * node:crypto's `true` counts, for the one algorithm that the key's name implies.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { CERTIFICATE_ALGORITHMS, publicKeyOf, SshWriter } from "@teleport-access/sshcert";
import { startSsh2 } from "@teleport-access/ssh";
import { MSG } from "../../packages/ssh/src/messages.ts";
import { alice, authFixture, readyPeer } from "../../packages/ssh/src/testing/auth-fixture.ts";
import { requestBody } from "../../packages/ssh/src/testing/raw-peer.ts";

before(async () => {
  await startSsh2();
});

test("a public key and any algorithm's name prove nothing", async () => {
  const world = authFixture({ limits: { tries: 1000 } });
  const plain = publicKeyOf(alice.privateKey).blob;
  const names = [...CERTIFICATE_ALGORITHMS.keys(), "ssh-ed25519", "rsa-sha2-256", "ssh-rsa", "ssh-dss", ""];
  const peer = await readyPeer(world);
  for (const blob of [alice.certificate.blob, plain])
    for (const algorithm of names)
      for (const inner of [algorithm, "ssh-ed25519", "rsa-sha2-512"]) {
        const signature = new SshWriter().string(inner).string(Buffer.alloc(64)).done();
        peer.send(new SshWriter().raw(requestBody("alice", algorithm, blob, true)).string(signature));
        await peer.next(MSG.USERAUTH_FAILURE);
      }
  assert.equal(world.connections.length, 0);
  assert.ok(world.requests.every(({ proven }) => !proven));
  await world.server.close();
});
