/**
 * The jump rule with real servers: whatever the grants and whatever the certificate, no login that
 * `decide()` refuses is to be had at a real sshd behind a jump.
 *
 *   SEED=1234 JUMP_CASES=1000 node --conditions=source --test test/interop/jump-rule.test.ts
 *
 * Each case is a person of their own, with random grants and a random certificate of the real user CA.
 * The jump is a real one, through proxy and agent; inside it, sshd is asked for each login whether it
 * would take a signature, which it answers after all its checks of certificate and principals.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { decide, parseGrant, parseTrust } from "@teleport-access/access";
import type { ClusterTrust, Grant, Permission, World } from "@teleport-access/access";
import { connectSsh, encodeDirectTcpip } from "@teleport-access/ssh";
import type { SshClientConnection } from "@teleport-access/ssh";
import {
  formatPublicKeyLine,
  generatePrivateKey,
  issueCertificate,
  publicKeyOf,
} from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";
import { openSshMatrix, startSshd, until, writeIdentity } from "@teleport-access/testkit";
import type { OpenSsh, Sshd, TestFolder } from "@teleport-access/testkit";

import { RawPeer, requestBody } from "../../packages/ssh/src/testing/raw-peer.ts";
import { Random, seedOfRun } from "../fuzz/random.ts";
import { startProxyWorld } from "./proxy-world.ts";
import type { Behind, EstateKeys, ProxyWorld } from "./proxy-world.ts";

const { installed } = openSshMatrix();
const CASES = Number(process.env["JUMP_CASES"] ?? 100);
/** Accounts that every Debian has; sshd looks at principals before it looks at shells. */
const LOGINS = ["root", "daemon", "games"];
const USERAUTH_FAILURE = 51;
const USERAUTH_PK_OK = 60;

/** A server: what it is called, and the names that its sshd takes for `%u`. Nothing: the login alone, as Plain. */
const SERVERS = [
  { host: "web-1", cluster: "prod", principals: ["%u@prod", "%u@web-1.prod"] },
  { host: "web-2", cluster: "prod", principals: ["%u@prod", "%u@web-2.prod"] },
  { host: "plain-1", cluster: "dev", principals: [] },
] as const;
type Server = (typeof SERVERS)[number];

const TARGETS = [
  undefined,
  [],
  [{ host: "*" }],
  [{ host: "web-1" }],
  [{ host: "web-*", ports: [22] }],
  [{ host: "web-2", ports: [2222] }],
  [{ host: "plain-1" }, { host: "web-2" }],
];
const PERMISSIONS: readonly Permission[] = [
  "Shell",
  "Exec",
  "FileTransfer",
  "AgentForwarding",
  "PortForwarding",
];
const SCOPES = ["@prod", "@prod", "", "@web-1.prod", "@web-2.prod", "@dev", "@plain-1.dev", "@WEB-1.prod"];
const EXTENSIONS = ["permit-pty", "permit-agent-forwarding", "permit-port-forwarding", "permit-user-rc"];

function some<T>(random: Random, items: readonly T[], least = 0): T[] {
  const chosen = items.filter(() => random.once(2));
  return chosen.length < least ? [random.pick(items)] : chosen;
}

/** Spec of a UserAccess; the rest of it is drawn at random. */
interface GrantSpec extends Record<string, unknown> {
  readonly logins: readonly string[];
}

/** One spec of a UserAccess: wide enough that many jumps are covered, and with each way of not counting. */
function randomGrant(random: Random, user: string): GrantSpec {
  const targets = random.pick(TARGETS);
  return {
    userRef: { name: user },
    clusters: random.pick([["prod"], ["dev"], ["prod", "dev"], ["*"], ["prod"], []]),
    logins: some(random, LOGINS, 1),
    ...(targets === undefined ? {} : { targets }),
    permissions: random.once(4) ? some(random, PERMISSIONS) : PERMISSIONS,
    suspend: random.once(12),
    ...(random.once(12) ? { expirationTime: "2020-01-01T00:00:00Z" } : {}),
    ...(random.once(16) ? { startTime: "2099-01-01T00:00:00Z" } : {}),
    ...(random.once(12) ? { sourceRanges: random.pick([["127.0.0.0/8"], ["192.0.2.0/24"]]) } : {}),
  };
}

/** Mostly few, and of logins that some grant names: with many of any kind hardly a jump is covered. */
function randomPrincipals(random: Random, grants: readonly GrantSpec[]): string[] {
  const granted = grants.flatMap((grant) => grant.logins);
  const logins = random.once(3) || granted.length === 0 ? LOGINS : granted;
  const count = random.pick([1, 1, 1, 2, 2, 3, 6]);
  return [...new Set(Array.from({ length: count }, () => random.pick(logins) + random.pick(SCOPES)))];
}

interface Case {
  readonly seed: number;
  readonly user: string;
  readonly grants: readonly GrantSpec[];
  readonly certificate: Certificate;
}

function makeCase(seed: number, world: ProxyWorld): Case {
  const random = new Random(seed);
  const user = `u-${seed}`;
  const grants = Array.from({ length: random.pick([0, 1, 1, 2, 2, 3]) }, () => randomGrant(random, user));
  const extensions = random.once(4) ? some(random, EXTENSIONS) : [];
  const certificate = issueCertificate(world.keys.userCa, {
    type: "user",
    publicKey: publicKeyOf(world.keys.user),
    keyId: user,
    principals: randomPrincipals(random, grants),
    validAfter: new Date(Date.now() - 60_000),
    validBefore: new Date(Date.now() + 3_600_000),
    extensions: {
      ...Object.fromEntries(extensions.map((name) => [name, ""])),
      "session@teleport-access.io": `s-${user}`,
    },
  });
  return { seed, user, grants, certificate };
}

async function startServers(openSsh: OpenSsh, keys: EstateKeys, folder: TestFolder): Promise<Behind> {
  const userCa = folder.write("user_ca.pub", `${formatPublicKeyLine(publicKeyOf(keys.userCa))}\n`);
  const sshds: Sshd[] = [];
  for (const { host, principals } of SERVERS) {
    const command = `AuthorizedPrincipalsCommand /usr/bin/printf "%%s\\n" ${principals.join(" ")}`;
    const key = writeIdentity(folder, `host-${host}`, generatePrivateKey("Ed25519"));
    sshds.push(
      await startSshd(openSsh, folder, [
        `HostKey ${key}`,
        `TrustedUserCAKeys ${userCa}`,
        ...(principals.length === 0 ? [] : [command, "AuthorizedPrincipalsCommandUser nobody"]),
      ]),
    );
  }
  const targets = SERVERS.map(({ host }, i) => ({
    host,
    ports: [22],
    address: `127.0.0.1:${sshds[i]?.port ?? 0}`,
  }));
  return { sshds, targets };
}

/** What decide() reads, written down from the same objects that the proxy watches. */
function worldOf({ user, grants }: Case, world: ProxyWorld): World {
  const trusts = ["prod", "dev"].map((name): ClusterTrust => {
    const spec = trustSpec(name, world);
    const parsed = parseTrust({ metadata: { name, uid: name, resourceVersion: "1" }, spec });
    assert.ok(parsed.ok);
    return parsed.value;
  });
  const read = grants.map((spec, i): Grant => {
    const parsed = parseGrant({ metadata: { name: `g-${i}`, uid: `g-${i}`, resourceVersion: "1" }, spec });
    assert.ok(parsed.ok);
    return parsed.value;
  });
  const now = Date.now();
  const session = {
    name: `s-${user}`,
    uid: "s",
    user,
    expirationTime: now + 3_600_000,
    sealed: true,
  } as const;
  return {
    now,
    userAuthorities: [publicKeyOf(world.keys.userCa)],
    freshness: { stale: false, lastProof: now, policy: "DenyNew" },
    user: (name) => (name === user ? { uid: "u", name, suspend: false } : undefined),
    grantsOf: (name) => (name === user ? read : []),
    cluster: (name) => trusts.find((trust) => trust.name === name),
    clusters: () => trusts,
    loginSession: (name) => (name === session.name ? session : undefined),
  };
}

function trustSpec(name: string, world: ProxyWorld): object {
  const principals = name === "dev" ? "Plain" : "Scoped";
  return { publicKeys: world.hostCaLines, principals, maxTunnels: 16 };
}

/** Whether sshd, at the end of this jump, would take a signature for `login`. */
async function opens(
  jump: SshClientConnection,
  { host, cluster }: Server,
  login: string,
  certificate: Certificate,
): Promise<boolean | "refused"> {
  const request = { host: `${host}.${cluster}`, port: 22, originAddress: "127.0.0.1", originPort: 1 };
  let peer: RawPeer;
  try {
    const channel = await jump.openChannel("direct-tcpip", encodeDirectTcpip(request));
    peer = new RawPeer(channel, {
      kind: "client",
      hostKeyAlgorithms: ["ssh-ed25519"],
      acceptHostKey: () => true,
      verifyHostSignature: () => true,
    });
  } catch {
    return "refused";
  }
  await peer.startAuthentication();
  peer.transport.send(requestBody(login, certificate.certType, certificate.blob, false));
  const answer = await peer.nextOf([USERAUTH_PK_OK, USERAUTH_FAILURE]);
  peer.transport.end("asked");
  return answer === USERAUTH_PK_OK;
}

for (const openSsh of installed) {
  describe(`the jump rule in front of ${openSsh.version}`, { concurrency: false }, () => {
    const seed = seedOfRun() % 1_000_000_000;
    let world: ProxyWorld;
    before(async () => {
      world = await startProxyWorld({
        openSsh,
        behind: (keys, folder) => startServers(openSsh, keys, folder),
      });
      world.set("TrustedHostCA", "dev", trustSpec("dev", world));
      const agent = world.startAgent({ cluster: "dev" });
      await until("a tunnel of dev", () => agent.notReady().length === 0, {
        deadlineMs: 10_000,
        everyMs: 10,
      });
    });
    after(() => world.close());

    function connectAs(one: Case): Promise<SshClientConnection> {
      return connectSsh({
        host: "127.0.0.1",
        port: world.ports.ssh,
        user: "anybody",
        identity: { certificate: one.certificate, privateKey: world.keys.user },
        hostKeyPins: [publicKeyOf(world.keys.proxyHost)],
        timeoutMs: 10_000,
      });
    }

    /** The logins that are to be had, each held against decide(). */
    async function judge(one: Case): Promise<{ jumps: number; logins: number }> {
      const facts = worldOf(one, world);
      const identity = { by: "certificate", certificate: one.certificate } as const;
      const label = `SEED=${one.seed} JUMP_CASES=1`;
      let jump: SshClientConnection;
      try {
        jump = await connectAs(one);
      } catch {
        const asked = decide({ kind: "authenticate", identity, source: "127.0.0.1" }, facts);
        assert.equal(asked.allowed, false, `${label}: let in by decide(), refused by the proxy`);
        return { jumps: 0, logins: 0 };
      }
      const counted = { jumps: 0, logins: 0 };
      for (const server of SERVERS) {
        const { host, cluster } = server;
        const found = await Promise.all(LOGINS.map((login) => opens(jump, server, login, one.certificate)));
        const asked = decide({ kind: "jump", identity, source: "127.0.0.1", host, cluster, port: 22 }, facts);
        assert.equal(!found.includes("refused"), asked.allowed, `${label}: ${host}.${cluster}`);
        if (asked.allowed) counted.jumps += 1;
        for (const [i, login] of LOGINS.entries()) {
          if (found[i] !== true) continue;
          counted.logins += 1;
          for (const permission of neededBy(one.certificate)) {
            const request = {
              kind: "forward",
              identity,
              source: "127.0.0.1",
              host,
              cluster,
              port: 22,
            } as const;
            const allowed = decide({ ...request, login, permission }, facts).allowed;
            assert.ok(
              allowed,
              `${label}: ${login} at ${host}.${cluster} is open, decide() refuses ${permission}`,
            );
          }
        }
      }
      jump.end();
      return counted;
    }

    it(`opens no login that decide() refuses: ${CASES} people`, async (t) => {
      const cases = Array.from({ length: CASES }, (_, i) => makeCase(seed + i, world));
      for (const one of cases) {
        world.signIn(one.user);
        for (const [i, spec] of one.grants.entries()) world.set("UserAccess", `${one.user}-${i}`, spec);
      }
      await settled();
      const totals = { jumps: 0, logins: 0 };
      for (const one of cases) {
        const { jumps, logins } = await judge(one);
        totals.jumps += jumps;
        totals.logins += logins;
      }
      t.diagnostic(
        `SEED=${seed}: ${totals.jumps} jumps opened, ${totals.logins} logins to be had behind them`,
      );
      // Nothing opened would prove nothing.
      if (CASES >= 50) assert.ok(totals.jumps > 5 && totals.logins > 5, `SEED=${seed}`);
    });

    /** The watches are in order: who was made last, with a grant, is let in once everything is known. */
    async function settled(): Promise<void> {
      const last = { ...makeCase(0, world), user: "u-0" };
      world.signIn(last.user);
      world.set("UserAccess", "u-0-last", {
        userRef: { name: last.user },
        clusters: ["prod"],
        logins: ["root"],
      });
      await until(
        "everything to be known",
        async () => {
          try {
            (await connectAs(last)).end();
            return true;
          } catch {
            return false;
          }
        },
        { deadlineMs: 10_000, everyMs: 20 },
      );
    }
  });
}

/** What a certificate may be used for inside, where nobody sees it. */
function neededBy(certificate: Certificate): Permission[] {
  const carried: readonly (readonly [string, Permission])[] = [
    ["permit-agent-forwarding", "AgentForwarding"],
    ["permit-port-forwarding", "PortForwarding"],
  ];
  const further = carried.filter(([name]) => certificate.extensions.has(name)).map(([, p]) => p);
  return ["Shell", "Exec", "FileTransfer", ...further];
}
