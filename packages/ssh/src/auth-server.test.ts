import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { ManualClock } from "@teleport-access/daemon";
import {
  generatePrivateKey,
  publicKeyOf,
  signData,
  SshWriter,
  verifyCertificate,
} from "@teleport-access/sshcert";

import type { AuthRequest } from "./auth-request.ts";
import type { AuthChallenge, AuthVerdict } from "./auth-server.ts";
import { NOW, testAuthority, testIdentity } from "./certified.ts";
import { MSG } from "./messages.ts";
import { ED25519_CERTIFICATE, message, rawClient, requestBody, signedRequest } from "./raw-peer.ts";
import type { RawPeer } from "./raw-peer.ts";
import { createSshServer } from "./server.ts";
import type { RefusedPeer, SshConnection, SshServer, SshServerOptions } from "./server.ts";
import { startSsh2 } from "./startup.ts";

const authority = testAuthority();
const evil = testAuthority();
const alice = testIdentity(authority);
const mallory = testIdentity(evil, { keyId: "mallory" });
const hostKeys = [{ privateKey: generatePrivateKey("Ed25519") }];

interface Fixture {
  readonly server: SshServer;
  readonly clock: ManualClock;
  readonly requests: AuthRequest[];
  readonly refused: RefusedPeer[];
  readonly connections: SshConnection<string>[];
}

function judge({ key }: AuthRequest): AuthVerdict<string> {
  if (key?.kind !== "certificate") return { accept: false };
  const verdict = verifyCertificate(key.certificate, {
    type: "user",
    authorities: [authority.publicKey],
    now: new Date(NOW),
  });
  return verdict.valid ? { accept: true, identity: key.certificate.keyId } : { accept: false };
}

function fixture(options: Partial<SshServerOptions<string>> = {}): Fixture {
  const clock = new ManualClock(NOW);
  const [requests, refused, connections] = [
    [] as AuthRequest[],
    [] as RefusedPeer[],
    [] as SshConnection<string>[],
  ];
  const server = createSshServer<string>({
    hostKeys: () => hostKeys,
    clock,
    authenticate(request) {
      requests.push(request);
      return judge(request);
    },
    connected: (connection) => connections.push(connection),
    refused: (peer) => refused.push(peer),
    ...options,
  });
  return { server, clock, requests, refused, connections };
}

async function ready(world: Fixture): Promise<RawPeer> {
  const peer = rawClient(world.server);
  await peer.startAuthentication();
  return peer;
}

function body(identity = alice, signed = true, algorithm = ED25519_CERTIFICATE): Buffer {
  return requestBody("alice", algorithm, identity.certificate.blob, signed);
}

describe("createSshServer, authentication", () => {
  before(async () => {
    await startSsh2();
  });

  it("lets in whoever signs for a certificate, and calls it by the certificate's key id", async () => {
    const world = fixture();
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
    const world = fixture();
    const peer = await ready(world);
    peer.send(new SshWriter().raw(body(alice, false)));
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
        new SshWriter().raw(body()).string(signData(evil.key, data(peer, body()), "ssh-ed25519")),
      why: "holding the certificate is not holding the key",
    },
    {
      name: "a signature over another session",
      make: () => {
        const other = new SshWriter().string(Buffer.alloc(32)).raw(body()).done();
        return new SshWriter().raw(body()).string(signData(alice.privateKey, other, "ssh-ed25519"));
      },
      why: "it may have been made for somebody else's server",
    },
    {
      name: "a signature named after the certificate's algorithm",
      make: (peer) => {
        const plain = signData(alice.privateKey, data(peer, body()), "ssh-ed25519");
        const inner = plain.subarray(4 + "ssh-ed25519".length);
        return new SshWriter()
          .raw(body())
          .string(new SshWriter().string(ED25519_CERTIFICATE).raw(inner).done());
      },
      why: "exactly one name is right",
    },
    {
      name: "an empty signature",
      make: () => new SshWriter().raw(body()).string(""),
      why: "empty is never right",
    },
    {
      name: "a signature with a trailing byte",
      make: (peer) => {
        const good = signData(alice.privateKey, data(peer, body()), "ssh-ed25519");
        return new SshWriter().raw(body()).string(Buffer.concat([good, Buffer.of(0)]));
      },
      why: "nothing may follow",
    },
    {
      name: "a certificate under the plain algorithm's name",
      make: (peer) => {
        const plain = body(alice, true, "ssh-ed25519");
        return new SshWriter()
          .raw(plain)
          .string(signData(alice.privateKey, data(peer, plain), "ssh-ed25519"));
      },
      why: "name and blob disagree",
    },
    {
      name: "a certificate under another certificate algorithm's name",
      make: (peer) => {
        const rsa = body(alice, true, "rsa-sha2-512-cert-v01@openssh.com");
        return new SshWriter().raw(rsa).string(signData(alice.privateKey, data(peer, rsa), "ssh-ed25519"));
      },
      why: "name and blob disagree",
    },
  ];
  for (const { name, make, why } of forgeries) {
    it(`refuses ${name}`, async () => {
      const world = fixture();
      const peer = await ready(world);
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
    const world = fixture();
    const peer = await ready(world);
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
    const world = fixture({ authenticate: () => ({ accept: true, identity: "anybody" }) });
    const peer = await ready(world);
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
      const world = fixture({ authenticate });
      const peer = await ready(world);
      peer.send(signedRequest(peer.transport.sessionId, "alice", alice));
      await peer.next(MSG.USERAUTH_FAILURE);
      await world.server.close();
    }
  });

  it("ends the connection after six refused attempts, not counting the first none", async () => {
    const world = fixture();
    const peer = await ready(world);
    peer.send(message(MSG.USERAUTH_REQUEST).string("alice").string("ssh-connection").string("none"));
    await peer.next(MSG.USERAUTH_FAILURE);
    for (let i = 0; i < 6; i += 1) peer.send(new SshWriter().raw(body(mallory, false)));
    const error = await peer.closed;
    assert.match(error?.message ?? "", /Too many authentication failures/);
    assert.equal(peer.received.filter((payload) => payload[0] === MSG.USERAUTH_FAILURE).length, 5);
    assert.deepEqual(world.refused.at(-1), {
      remoteAddress: "192.0.2.1",
      user: "alice",
      reason: "too-many-tries",
    });
    await world.server.close();
  });

  it("ends the connection of somebody who only ever probes", async () => {
    const world = fixture();
    const peer = await ready(world);
    for (let i = 0; i < 25; i += 1) peer.send(new SshWriter().raw(body(alice, false)));
    await peer.closed;
    assert.equal(world.refused.at(-1)?.reason, "too-many-tries");
    await world.server.close();
  });

  it("ends the connection when the login grace time is over", async () => {
    const world = fixture();
    const peer = await ready(world);
    world.clock.advance(29_999);
    assert.equal(world.server.connections(), 1);
    world.clock.advance(1);
    await peer.closed;
    assert.equal(world.refused.at(-1)?.reason, "login-grace");
    assert.equal(world.clock.timers, 0);
    await world.server.close();
  });

  it("gives everybody in time as long as they like afterwards", async () => {
    const world = fixture();
    const peer = rawClient(world.server);
    await peer.authenticate("alice", alice);
    world.clock.advance(31_000);
    assert.equal(peer.transport.finished, false);
    await world.server.close();
  });

  for (const type of [6, 51, 52, 53, 60, 80, 90, 98]) {
    it(`ends the connection on message ${type} before authentication, also while it decides`, async () => {
      const decision = Promise.withResolvers<AuthVerdict<string>>();
      const world = fixture({ authenticate: () => decision.promise });
      const peer = await ready(world);
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
      const world = fixture();
      const peer = await ready(world);
      peer.send(message(MSG.USERAUTH_REQUEST).string("alice").string("ssh-connection").string("none"));
      await peer.next(MSG.USERAUTH_FAILURE);
      peer.send(message(MSG.USERAUTH_REQUEST).string(user).string(service).string("none"));
      await peer.closed;
      await world.server.close();
    }
  });

  it("bounds the requests that wait for a decision", async () => {
    const decision = Promise.withResolvers<AuthVerdict<string>>();
    const world = fixture({ authenticate: () => decision.promise });
    const peer = await ready(world);
    for (let i = 0; i < 10; i += 1) peer.send(new SshWriter().raw(body(alice, false)));
    await peer.closed;
    assert.equal(world.refused.at(-1)?.reason, "protocol-error");
    await world.server.close();
  });

  it("answers pipelined requests in order", async () => {
    const world = fixture({
      async authenticate(request) {
        await Promise.resolve();
        return judge(request);
      },
    });
    const peer = await ready(world);
    peer.send(new SshWriter().raw(body(mallory, false)));
    peer.send(new SshWriter().raw(body(alice, false)));
    peer.send(signedRequest(peer.transport.sessionId, "alice", alice));
    await peer.next(MSG.USERAUTH_SUCCESS);
    assert.deepEqual(
      peer.received.map((payload) => payload[0]),
      [MSG.USERAUTH_FAILURE, MSG.USERAUTH_60],
    );
    await world.server.close();
  });

  it("ignores authentication requests after success", async () => {
    const world = fixture();
    const peer = rawClient(world.server);
    await peer.authenticate("alice", alice);
    peer.send(signedRequest(peer.transport.sessionId, "alice", mallory));
    peer.send(message(MSG.GLOBAL_REQUEST).string("keepalive@openssh.com").u8(1));
    await peer.next(MSG.REQUEST_FAILURE);
    assert.equal(world.connections.length, 1);
    await world.server.close();
  });

  describe("with a challenge", () => {
    const challenge: AuthChallenge = {
      instruction: "One more thing",
      prompts: [{ text: "Code: ", echo: false }],
      answer: ([code]) => code === "123456",
    };
    function challenging(): Fixture {
      return fixture({
        authenticate(request) {
          const verdict = judge(request);
          return verdict.accept === true ? { ...verdict, accept: "challenge", challenge } : verdict;
        },
      });
    }
    async function prove(world: Fixture): Promise<RawPeer> {
      const peer = await ready(world);
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
      assert.equal(world.refused[0]?.reason, "challenge-failed");
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
        await world.server.close();
      });
    }
    it("does not ask anybody who has not proven a key in this attempt", async () => {
      const world = challenging();
      const peer = await prove(world);
      peer.send(new SshWriter().raw(body(mallory, false)));
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
});
