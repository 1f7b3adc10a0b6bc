import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { publicKeyOf, signData, SshWriter } from "@teleport-access/sshcert";

import type { AuthVerdict } from "./auth-server.ts";
import { MSG } from "./messages.ts";
import { startSsh2 } from "./startup.ts";
import { alice, aliceBody, authFixture, judge, mallory, readyPeer } from "./testing/auth-fixture.ts";
import { ED25519_CERTIFICATE, message, rawClient, requestBody, signedRequest } from "./testing/raw-peer.ts";
import type { RawPeer } from "./testing/raw-peer.ts";

describe("createSshServer, authentication", () => {
  before(async () => {
    await startSsh2();
  });

  it("lets in whoever signs for a certificate, and calls it by the certificate's key id", async () => {
    const world = authFixture();
    const peer = rawClient(world.server);
    await peer.authenticate("somebody-else", alice);
    const [connection] = world.connections;
    assert.equal(connection?.identity, "alice");
    assert.equal(connection.user, "somebody-else");
    assert.equal(world.server.unauthenticated(), 0);
    await world.server.close();
    assert.equal(world.server.connections(), 0);
  });

  it("answers a probe, and remembers nothing of it", async () => {
    const world = authFixture();
    const peer = await readyPeer(world);
    peer.send(new SshWriter().raw(aliceBody(alice, false)));
    const answer = await peer.next(MSG.USERAUTH_60);
    assert.equal(answer.text(), ED25519_CERTIFICATE);
    assert.deepEqual(answer.string(), alice.certificate.blob);
    peer.send(signedRequest(peer.transport.sessionId, "alice", mallory));
    await peer.next(MSG.USERAUTH_FAILURE);
    assert.deepEqual(
      world.requests.map(({ proven, key }) => [proven, key?.kind === "certificate" && key.certificate.keyId]),
      [
        [false, "alice"],
        [true, "mallory"],
      ],
    );
    assert.equal(world.connections.length, 0);
    await world.server.close();
  });

  function data(peer: RawPeer, signedBody: Buffer): Buffer {
    return new SshWriter().string(peer.transport.sessionId).raw(signedBody).done();
  }
  const forgeries: readonly { name: string; make: (peer: RawPeer) => SshWriter; why: string }[] = [
    {
      name: "a signature by another key",
      make: (peer) =>
        new SshWriter()
          .raw(aliceBody())
          .string(signData(mallory.privateKey, data(peer, aliceBody()), "ssh-ed25519")),
      why: "holding the certificate is not holding the key",
    },
    {
      name: "a signature over another session",
      make: () => {
        const other = new SshWriter().string(Buffer.alloc(32)).raw(aliceBody()).done();
        return new SshWriter().raw(aliceBody()).string(signData(alice.privateKey, other, "ssh-ed25519"));
      },
      why: "it may have been made for somebody else's server",
    },
    {
      name: "a signature named after the certificate's algorithm",
      make: (peer) => {
        const plain = signData(alice.privateKey, data(peer, aliceBody()), "ssh-ed25519");
        const inner = plain.subarray(4 + "ssh-ed25519".length);
        return new SshWriter()
          .raw(aliceBody())
          .string(new SshWriter().string(ED25519_CERTIFICATE).raw(inner).done());
      },
      why: "exactly one name is right",
    },
    {
      name: "an empty signature",
      make: () => new SshWriter().raw(aliceBody()).string(""),
      why: "empty is never right",
    },
    {
      name: "a signature with a trailing byte",
      make: (peer) => {
        const good = signData(alice.privateKey, data(peer, aliceBody()), "ssh-ed25519");
        return new SshWriter().raw(aliceBody()).string(Buffer.concat([good, Buffer.of(0)]));
      },
      why: "nothing may follow",
    },
    {
      name: "a certificate under the plain algorithm's name",
      make: (peer) => {
        const plain = aliceBody(alice, true, "ssh-ed25519");
        return new SshWriter()
          .raw(plain)
          .string(signData(alice.privateKey, data(peer, plain), "ssh-ed25519"));
      },
      why: "name and blob disagree",
    },
    {
      name: "a certificate under another certificate algorithm's name",
      make: (peer) => {
        const rsa = aliceBody(alice, true, "rsa-sha2-512-cert-v01@openssh.com");
        return new SshWriter().raw(rsa).string(signData(alice.privateKey, data(peer, rsa), "ssh-ed25519"));
      },
      why: "name and blob disagree",
    },
  ];
  for (const { name, make, why } of forgeries) {
    it(`refuses ${name}`, async () => {
      const world = authFixture();
      const peer = await readyPeer(world);
      peer.send(make(peer));
      await peer.next(MSG.USERAUTH_FAILURE);
      assert.equal(world.connections.length, 0, why);
      assert.ok(
        world.requests.every((request) => !request.proven),
        why,
      );
      assert.equal(world.refused[0]?.reason, "bad-signature");
      await world.server.close();
    });
  }

  it("reports a proven plain key as such, so that the program can say why", async () => {
    const world = authFixture();
    const peer = await readyPeer(world);
    const key = publicKeyOf(alice.privateKey);
    const plain = requestBody("alice", "ssh-ed25519", key.blob, true);
    peer.send(
      new SshWriter().raw(plain).string(signData(alice.privateKey, data(peer, plain), "ssh-ed25519")),
    );
    await peer.next(MSG.USERAUTH_FAILURE);
    assert.deepEqual([world.requests[0]?.key?.kind, world.requests[0]?.proven], ["plain", true]);
    await world.server.close();
  });

  it("never lets in a method without a key, whatever the program says", async () => {
    const world = authFixture({ authenticate: () => ({ accept: true, identity: "anybody" }) });
    const peer = await readyPeer(world);
    const request = message(MSG.USERAUTH_REQUEST).string("alice").string("ssh-connection");
    peer.send(request.string("none"));
    await peer.next(MSG.USERAUTH_FAILURE);
    const password = message(MSG.USERAUTH_REQUEST)
      .string("alice")
      .string("ssh-connection")
      .string("password");
    peer.send(password.u8(0).string("secret"));
    assert.equal((await peer.next(MSG.USERAUTH_FAILURE)).text(), "publickey");
    peer.send(new SshWriter().raw(requestBody("alice", "ssh-dss", Buffer.from("x"), true)).string("y"));
    await peer.next(MSG.USERAUTH_FAILURE);
    assert.equal(world.connections.length, 0);
    await world.server.close();
  });

  it("refuses when the program throws or rejects", async () => {
    for (const authenticate of [
      (): never => {
        throw new Error("broken");
      },
      () => Promise.reject(new Error("broken")),
    ]) {
      const world = authFixture({ authenticate });
      const peer = await readyPeer(world);
      peer.send(signedRequest(peer.transport.sessionId, "alice", alice));
      await peer.next(MSG.USERAUTH_FAILURE);
      await world.server.close();
    }
  });

  it("ends the connection after six refused attempts, not counting the first none", async () => {
    const world = authFixture();
    const peer = await readyPeer(world);
    peer.send(message(MSG.USERAUTH_REQUEST).string("alice").string("ssh-connection").string("none"));
    await peer.next(MSG.USERAUTH_FAILURE);
    for (let i = 0; i < 6; i += 1) peer.send(new SshWriter().raw(aliceBody(mallory, false)));
    const error = await peer.closed;
    assert.match(error?.message ?? "", /Too many authentication failures/);
    assert.equal(peer.received.filter((payload) => payload[0] === MSG.USERAUTH_FAILURE).length, 5);
    assert.deepEqual(world.refused.at(-1), {
      connection: world.requests[0]?.connection,
      remoteAddress: "192.0.2.1",
      user: "alice",
      reason: "too-many-tries",
    });
    await world.server.close();
  });

  it("ends the connection of somebody who only ever probes", async () => {
    const world = authFixture();
    const peer = await readyPeer(world);
    for (let i = 0; i < 25; i += 1) peer.send(new SshWriter().raw(aliceBody(alice, false)));
    await peer.closed;
    assert.equal(world.refused.at(-1)?.reason, "too-many-tries");
    await world.server.close();
  });

  it("ends the connection when the login grace time is over", async () => {
    const world = authFixture();
    const peer = await readyPeer(world);
    world.clock.advance(29_999);
    assert.equal(world.server.connections(), 1);
    world.clock.advance(1);
    await peer.closed;
    assert.equal(world.refused.at(-1)?.reason, "login-grace");
    assert.equal(world.clock.timers, 0);
    await world.server.close();
  });

  it("gives everybody in time as long as they like afterwards", async () => {
    const world = authFixture();
    const peer = rawClient(world.server);
    await peer.authenticate("alice", alice);
    world.clock.advance(31_000);
    assert.equal(peer.transport.finished, false);
    await world.server.close();
  });

  for (const type of [6, 51, 52, 53, 60, 80, 90, 98]) {
    it(`ends the connection on message ${type} before authentication, also while it decides`, async () => {
      const decision = Promise.withResolvers<AuthVerdict<string>>();
      const world = authFixture({ authenticate: () => decision.promise });
      const peer = await readyPeer(world);
      peer.send(signedRequest(peer.transport.sessionId, "alice", alice));
      peer.send(message(type).string("publickey").u8(0));
      await peer.closed;
      decision.resolve({ accept: true, identity: "alice" });
      await decision.promise;
      assert.equal(world.connections.length, 0);
      assert.equal(world.server.connections(), 0);
      await world.server.close();
    });
  }

  it("ends the connection when user or service change, and when the service is another", async () => {
    for (const [user, service] of [
      ["bob", "ssh-connection"],
      ["alice", "other-service"],
    ] as const) {
      const world = authFixture();
      const peer = await readyPeer(world);
      peer.send(message(MSG.USERAUTH_REQUEST).string("alice").string("ssh-connection").string("none"));
      await peer.next(MSG.USERAUTH_FAILURE);
      peer.send(message(MSG.USERAUTH_REQUEST).string(user).string(service).string("none"));
      await peer.closed;
      await world.server.close();
    }
  });

  it("bounds the requests that wait for a decision", async () => {
    const decision = Promise.withResolvers<AuthVerdict<string>>();
    const world = authFixture({ authenticate: () => decision.promise });
    const peer = await readyPeer(world);
    for (let i = 0; i < 10; i += 1) peer.send(new SshWriter().raw(aliceBody(alice, false)));
    await peer.closed;
    assert.equal(world.refused.at(-1)?.reason, "protocol-error");
    await world.server.close();
  });

  it("answers pipelined requests in order", async () => {
    const world = authFixture({
      async authenticate(request) {
        await Promise.resolve();
        return judge(request);
      },
    });
    const peer = await readyPeer(world);
    peer.send(new SshWriter().raw(aliceBody(mallory, false)));
    peer.send(new SshWriter().raw(aliceBody(alice, false)));
    peer.send(signedRequest(peer.transport.sessionId, "alice", alice));
    await peer.next(MSG.USERAUTH_SUCCESS);
    assert.deepEqual(
      peer.received.map((payload) => payload[0]),
      [MSG.USERAUTH_FAILURE, MSG.USERAUTH_60],
    );
    await world.server.close();
  });

  it("ignores authentication requests after success", async () => {
    const world = authFixture();
    const peer = rawClient(world.server);
    await peer.authenticate("alice", alice);
    peer.send(signedRequest(peer.transport.sessionId, "alice", mallory));
    peer.send(message(MSG.GLOBAL_REQUEST).string("keepalive@openssh.com").u8(1));
    await peer.next(MSG.REQUEST_FAILURE);
    assert.equal(world.connections.length, 1);
    await world.server.close();
  });
});
