import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { generatePrivateKey, publicKeyOf } from "@teleport-access/sshcert";

import { ManualClock } from "@teleport-access/daemon";

import { connectSsh } from "./client.ts";
import { SshError } from "./errors.ts";
import { createSshServer } from "./server.ts";
import type { SshConnection, SshServer, SshServerOptions } from "./server.ts";
import { startSsh2 } from "./startup.ts";
import { testAuthority, testIdentity } from "./testing/certified.ts";

const authority = testAuthority();
const alice = testIdentity(authority);
const hostKey = generatePrivateKey("Ed25519");
const hostKeys = [{ privateKey: hostKey }];

describe("connectSsh", () => {
  before(async () => {
    await startSsh2();
  });

  const trust = { hostKeyPins: [publicKeyOf(hostKey)] };
  const base = { host: "127.0.0.1", user: "alice", identity: alice, timeoutMs: 5000, ...trust };
  async function listening(
    options: Partial<SshServerOptions<string>> = {},
  ): Promise<{ server: SshServer; port: number }> {
    const server = createSshServer<string>({
      hostKeys: () => hostKeys,
      authenticate: () => ({ accept: true, identity: "alice" }),
      connected: () => undefined,
      ...options,
    });
    return { server, port: await server.listen(0, "127.0.0.1") };
  }

  it("connectSsh tells an unreachable host, a wrong host key, a refusal and silence apart", async () => {
    const { server, port } = await listening({ authenticate: () => ({ accept: false }) });
    await assert.rejects(connectSsh({ ...base, port }), { code: "SSH_AUTH_REFUSED" });
    const wrong = { hostKeyPins: [publicKeyOf(generatePrivateKey("Ed25519"))] };
    await assert.rejects(connectSsh({ ...base, ...wrong, port }), { code: "SSH_HOST_KEY_MISMATCH" });
    await assert.rejects(connectSsh({ ...base, hostKeyPins: [], port }), { code: "SSH_BAD_OPTION" });
    await server.close();
    await assert.rejects(connectSsh({ ...base, port }), { code: "SSH_UNREACHABLE" });
    const silent = await listening({ authenticate: () => new Promise(() => undefined) });
    await assert.rejects(connectSsh({ ...base, port: silent.port, timeoutMs: 200 }), { code: "SSH_TIMEOUT" });
    await silent.server.close();
  });
  it("connectSsh presents one certificate after the other", async () => {
    const other = testIdentity(authority, { keyId: "bob" });
    const seen: string[] = [];
    const { server, port } = await listening({
      authenticate({ key }) {
        const id = key?.kind === "certificate" ? key.certificate.keyId : "";
        seen.push(id);
        return id === "bob" ? { accept: true, identity: id } : { accept: false };
      },
    });
    const refusing = { certificate: alice.certificate, sign: () => Promise.reject(new Error("locked")) };
    const client = await connectSsh({ ...base, port, identity: [alice, refusing, other] });
    assert.deepEqual(seen, ["alice", "bob"]);
    client.end();
    await server.close();
  });
  it("connectSsh exchanges keys while it waits for something to present, with the server's clock stopped", async () => {
    const { server, port } = await listening();
    const asked = Promise.withResolvers<undefined>();
    const given = Promise.withResolvers<readonly [typeof alice]>();
    const clock = new ManualClock(0);
    const connecting = connectSsh({
      ...{ ...base, port, clock },
      identity: () => {
        asked.resolve(undefined);
        return given.promise;
      },
    });
    await asked.promise;
    clock.advance(base.timeoutMs * 10);
    given.resolve([alice]);
    (await connecting).end();
    await server.close();
  });
  it("connectSsh fails with the reason why there is nothing to present", async () => {
    const { server, port } = await listening();
    const why = new SshError("SSH_AGENT", "no agent");
    await assert.rejects(connectSsh({ ...base, port, identity: () => Promise.reject(why) }), why);
    const cause = new Error("anything else");
    await assert.rejects(connectSsh({ ...base, port, identity: () => Promise.reject(cause) }), {
      code: "SSH_AGENT",
      cause,
    });
    await server.close();
  });
  it("connectSsh loses no channel that the server opens at once", async () => {
    const { server, port } = await listening({
      connected(connection) {
        connection.openChannel("control", Buffer.from("hello")).then(
          (channel) => channel.end("first words"),
          () => undefined,
        );
      },
    });
    const client = await connectSsh({ ...base, port });
    const words = new Promise<string>((resolve) => {
      client.onChannel("control", (channel) => {
        assert.equal(channel.payload.toString(), "hello");
        channel.accept().once("data", (data: Buffer) => {
          resolve(data.toString());
        });
      });
    });
    assert.equal(await words, "first words");
    client.end();
    await server.close();
  });
  it("connectSsh names the algorithms and survives a re-key by either side", async () => {
    const [hostAuthority, name] = [testAuthority(), "proxy.test"];
    const now = Date.now();
    const validity = { validAfter: new Date(now - 1000), validBefore: new Date(now + 60_000) };
    const host = testIdentity(hostAuthority, { type: "host", principals: [name], ...validity });
    const keys = [host];
    const connections: SshConnection<string>[] = [];
    const { server, port } = await listening({
      hostKeys: () => keys,
      chacha20: true,
      connected(connection) {
        connections.push(connection);
        connection.onChannel("echo", (channel) => {
          const stream = channel.accept();
          stream.pipe(stream);
        });
      },
    });
    const { hostKeyPins: _, ...rest } = base;
    const client = await connectSsh({
      ...rest,
      port,
      hostAuthorities: [hostAuthority.publicKey],
      hostname: name,
    });
    assert.deepEqual(client.algorithms, {
      keyExchange: "mlkem768x25519-sha256",
      hostKey: "ssh-ed25519-cert-v01@openssh.com",
      cipher: "aes128-gcm@openssh.com",
    });
    const echo = await client.openChannel("echo", Buffer.alloc(0));
    for (const side of [client, ...connections]) {
      side.rekey();
      const answer = new Promise((resolve) => echo.once("data", resolve));
      echo.write("still here");
      assert.equal(String(await answer), "still here");
    }
    client.end();
    await server.close();
  });
});
