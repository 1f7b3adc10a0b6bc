/**
 * Where a person comes from and with which key, with stock OpenSSH: source-address of certificates that others made
 * with the same CA, sourceRanges of grants in both forms, and RSA keys of all sizes.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { issueCertificate, publicKeyOf } from "@teleport-access/sshcert";
import type { CertificateRequest } from "@teleport-access/sshcert";
import { writeIdentity } from "@teleport-access/testkit";
import { ALL_EXTENSIONS, startForwardWorld } from "./forward-world.ts";
import type { ForwardWorld } from "./forward-world.ts";
import { localOpenSsh } from "./proxy-world.ts";
import type { ProxyWorld } from "./proxy-world.ts";

const HOUR = 3_600_000;

let forward: ForwardWorld;
let world: ProxyWorld;

before(async () => {
  // Both families: who comes over IPv4 is ::ffff:127.0.0.1 to the socket.
  forward = await startForwardWorld(localOpenSsh(), { listenHost: "::" });
  ({ world } = forward);
});
after(async () => {
  await forward.close();
});

/** ssh to the proxy with a certificate of alice's that somebody else made, from one address. */
async function comesIn(
  name: string,
  request: Partial<CertificateRequest>,
  { from = "127.0.0.1", key = world.keys.user }: { from?: string; key?: KeyObject } = {},
): Promise<string> {
  const certificate = issueCertificate(world.keys.userCa, {
    type: "user",
    publicKey: publicKeyOf(key),
    keyId: "alice",
    principals: [`${world.login}@prod`],
    validAfter: new Date(Date.now() - 60_000),
    validBefore: new Date(Date.now() + HOUR),
    extensions: { "permit-pty": "", "session@teleport-access.io": "s-alice" },
    ...request,
  });
  world.audit.length = 0;
  const client = world.client(name);
  writeIdentity(world.folder, name, key, certificate);
  const alias = ["-o", `HostName=${from}`, "-o", `HostKeyAlias=[127.0.0.1]:${world.ports.ssh}`];
  const { code, stderr } = await client.run("proxy", "targets", alias);
  const line = await world.audited({ event: "ssh.auth", outcome: code === 0 ? "allowed" : "denied" });
  return (
    line.reason ?? `${line.outcome} ${line.warnings?.join(" ") ?? ""}`.trim() + (code === 0 ? "" : stderr)
  );
}

describe("a certificate with source-address, made by others with the same CA", () => {
  const NOT = "certificate-source-not-allowed";
  const UNREADABLE = "certificate-unknown-critical-option";
  for (const [option, from, want] of [
    ["127.0.0.0/8", "127.0.0.1", "allowed"],
    ["127.0.0.0/8", "::1", NOT],
    ["::1/128", "::1", "allowed"],
    ["::1/128", "127.0.0.1", NOT],
    ["192.0.2.0/24,::/0", "::1", "allowed"],
    ["192.0.2.0/24", "127.0.0.1", NOT],
    ["127.0.0.0/8,nonsense", "127.0.0.1", UNREADABLE],
    ["127.0.0.1/8", "127.0.0.1", UNREADABLE],
  ] as const) {
    test(`${option} is ${want} from ${from}`, async () => {
      const criticalOptions = { "source-address": option };
      assert.equal(await comesIn("source", { criticalOptions }, { from }), want);
    });
  }
});

describe("sourceRanges of a grant", () => {
  before(() => {
    const base = { userRef: { name: "alice" }, clusters: ["prod"], logins: [world.login] };
    world.set("UserAccess", "alice-prod", { ...base, sourceRanges: ["203.0.113.0/24"] });
    // Lets her in at the door, for another target.
    world.set("UserAccess", "alice-db", {
      ...base,
      targets: [{ host: "db-1" }],
      sourceRanges: ["127.0.0.0/8"],
    });
  });
  after(() => {
    world.remove("UserAccess", "alice-db");
    forward.grant();
  });

  test("are enforced in the jump form", async () => {
    world.audit.length = 0;
    const { code } = await world.client().run(`${world.login}@web-1.prod`, "true");
    assert.equal(code, 255);
    await world.audited({ event: "channel.open", outcome: "denied", reason: "source-not-allowed" });
  });

  test("are enforced in the forward form", async () => {
    world.audit.length = 0;
    const { status, stderr } = await forward.ssh(["true"]);
    assert.equal(status, 255);
    assert.match(stderr, /access denied/);
    await world.audited({ event: "channel.open", outcome: "denied", reason: "source-not-allowed" });
  });

  test("let in who comes from there, over IPv4 and IPv6 sockets alike", async () => {
    forward.grant({ sourceRanges: ["127.0.0.0/8"] });
    const jump = await world
      .client("all", world.certificate({ extensions: ALL_EXTENSIONS }))
      .run(`${world.login}@web-1.prod`, "true");
    assert.equal(jump.code, 0, jump.stderr);
    assert.equal((await forward.ssh(["true"])).status, 0);
  });
});

describe("an RSA key", () => {
  for (const [bits, want] of [
    [2048, "allowed rsa-key-below-3072"],
    [3072, "allowed"],
    [4096, "allowed"],
  ] as const) {
    test(`of ${bits} bits is ${want}`, async () => {
      const key = generateKeyPairSync("rsa", { modulusLength: bits }).privateKey;
      assert.equal(await comesIn(`rsa-${bits}`, { minRsaBits: 2048 }, { key }), want);
    });
  }

  test("of 1024 bits is refused", async () => {
    const key = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
    const client = world.client("rsa-1024");
    writeIdentity(world.folder, "rsa-1024", key);
    world.audit.length = 0;
    const { code } = await client.run("proxy", "targets", [
      "-o",
      "CertificateFile=none",
      "-o",
      "RequiredRSASize=1024",
    ]);
    assert.equal(code, 255);
    await world.audited({ event: "ssh.auth", outcome: "denied", reason: "unsupported-key" });
  });
});
