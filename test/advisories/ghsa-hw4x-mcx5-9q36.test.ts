/**
 * Teleport GHSA-hw4x-mcx5-9q36: the reverse tunnel let its far end make the near one dial. Here nobody but
 * the proxy opens channels in a tunnel, and what the agent dials leads to no loopback, metadata service
 * or API server, unless the cluster's owner names that very host.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { startSsh2 } from "@teleport-access/ssh";
import { decideTarget, isForbiddenAddress } from "../../cluster-agent/src/targets.ts";
import { expectUnknown, peerFixture } from "../../packages/ssh/src/testing/peer-fixture.ts";

before(async () => {
  await startSsh2();
});

test("what a tunnel's agent opens is refused, of every type", async () => {
  const { server, peer } = await peerFixture();
  await expectUnknown(peer, [
    "direct-tcpip",
    "forwarded-tcpip",
    "teleport-transport",
    "teleport-control",
    "session",
  ]);
  await server.close();
});

test("no glob leads to loopback, metadata or the API server, in any spelling", () => {
  for (const address of [
    "127.0.0.1",
    "::1",
    "::ffff:127.0.0.1",
    "0.0.0.0",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "fd00:ec2::254",
    "fe80::1",
    "10.96.0.1",
    "not-an-address",
  ])
    assert.equal(isForbiddenAddress(address, ["10.96.0.1"]), true, address);
  assert.equal(isForbiddenAddress("10.0.0.7", ["10.96.0.1"]), false);
});

test("what is not listed is not dialled, whatever the proxy asks for", () => {
  const targets = [{ host: "web-*", ports: [22] }];
  for (const [host, port] of [
    ["localhost", 22],
    ["169.254.169.254", 80],
    ["web-1", 6443],
  ] as const)
    assert.deepEqual(decideTarget(targets, host, port), { allowed: false, reason: "target-not-listed" });
});
