/**
 * The jump form through our proxy and agent with stock OpenSSH at both ends: it works, every refusal has its
 * own audit reason, and what is revoked is cut within the bar of 100 ms.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { generatePrivateKey } from "@teleport-access/sshcert";
import { until } from "@teleport-access/testkit";
import type { RunningCommand } from "@teleport-access/testkit";
import { startProxyWorld } from "./proxy-world.ts";
import type { AuditRecord, ProxyWorld, UserCertificateParts } from "./proxy-world.ts";

const HOUR = 3_600_000;
/** The bar: from the deletion of a grant to the end of a live session. */
const CUT_MS = 100;

let world: ProxyWorld;
let target: string;

before(async () => {
  world = await startProxyWorld();
  target = `${world.login}@web-1.prod`;
});
after(async () => {
  await world.close();
});

function grant(over: object): void {
  const base = { userRef: { name: "alice" }, clusters: ["prod"], logins: [world.login] };
  world.set("UserAccess", "alice-prod", { ...base, ...over });
}

describe("ssh -J through proxy and agent", () => {
  test("runs a command at the target", async () => {
    const result = await world.client().run(target, "echo $((6 * 7)); exit 3");
    assert.deepEqual([result.stdout, result.code], ["42\n", 3], result.stderr);
    const line = await world.audited({ event: "channel.open", outcome: "allowed" });
    assert.equal(line.target, "web-1.prod");
    assert.equal(line.grant?.name, "alice-prod");
    const end = await world.audited({ event: "session.end", target: "web-1.prod" });
    assert.equal(end.outcome, "info");
  });

  test("copies files both ways with scp and sftp", async () => {
    assert.ok((await world.client().copyBothWays("scp", target)) > 0);
    assert.ok((await world.client().copyBothWays("sftp", target)) > 0);
  });

  test("uses any local account's name for the proxy hop", async () => {
    const { stdout } = await world.client().run("somebody@proxy", "targets");
    assert.match(stdout, /Signed in as alice;/);
  });

  test("spreads sessions over the tunnels of the cluster", async () => {
    await until("both tunnels", () => world.audit.filter((l) => l.event === "tunnel.up").length >= 2, {
      deadlineMs: 10_000,
    });
    const sessions = await Promise.all([hold(), hold()]);
    await Promise.all(sessions.map((session) => session.stop()));
  });
});

function hold(): Promise<RunningCommand> {
  return world.client().holdStream(target);
}

interface RefusalRow {
  readonly want: string;
  readonly why: string;
  readonly certificate?: UserCertificateParts | "none";
  readonly destination?: string;
  readonly prepare?: () => void;
  readonly event?: string;
}

const REFUSALS: readonly RefusalRow[] = [
  { want: "plain-key", why: "a key without a certificate is nobody", certificate: "none" },
  {
    want: "certificate-expired",
    why: "its window is over",
    certificate: { from: Date.now() - 2 * HOUR, to: Date.now() - HOUR },
  },
  {
    want: "certificate-unknown-authority",
    why: "another CA signed it",
    certificate: { ca: generatePrivateKey("Ed25519") },
  },
  { want: "session-gone", why: "no such sign-in", certificate: { session: "s-other" } },
  {
    want: "no-grant",
    why: "the grant is gone",
    prepare: () => {
      world.remove("UserAccess", "alice-prod");
    },
  },
  {
    want: "grant-suspended",
    why: "the grant is suspended",
    prepare: () => {
      grant({ suspend: true });
    },
  },
  {
    want: "source-not-allowed",
    why: "alice comes from elsewhere",
    prepare: () => {
      grant({ sourceRanges: ["203.0.113.0/24"] });
    },
  },
  {
    want: "user-suspended",
    why: "alice is suspended",
    prepare: () => {
      world.set("ProxyUser", "alice", { suspend: true });
    },
  },
  {
    want: "cluster-not-trusted",
    why: "there is no TrustedHostCA dev",
    destination: "web-1.dev",
    event: "channel.open",
  },
  {
    want: "target-not-listed",
    why: "the agent does not list it",
    destination: "db-1.prod",
    event: "channel.open",
  },
  {
    want: "target-not-granted",
    why: "the grant names other hosts",
    event: "channel.open",
    prepare: () => {
      grant({ targets: [{ host: "db-*" }] });
    },
  },
  {
    want: "jump-exceeds-grant",
    why: "the certificate opens a login that is not granted any more",
    event: "channel.open",
    prepare: () => {
      grant({ logins: ["nobody"] });
    },
  },
  {
    want: "login-not-granted",
    why: "the certificate is for another cluster's targets",
    certificate: { principals: ["root@dev"] },
    event: "channel.open",
  },
];

describe("a person who may not", () => {
  afterEach(async () => {
    await world.reset();
  });

  for (const { want, why, certificate, destination, prepare, event = "ssh.auth" } of REFUSALS) {
    test(`is refused with ${want}: ${why}`, async () => {
      const client =
        certificate === undefined
          ? world.client()
          : world.client(want, certificate === "none" ? "none" : world.certificate(certificate));
      // The watch takes a millisecond to tell the proxy; ssh takes a hundred to get there.
      prepare?.();
      world.audit.length = 0;
      const result = await client.run(`${world.login}@${destination ?? "web-1.prod"}`, "true");
      assert.equal(result.code, 255, result.stdout);
      const line = await world.audited({ event, outcome: "denied", reason: want });
      assert.ok(line.client, "the address is in the line");
    });
  }

  test("is refused by the target's sshd with a login that the certificate does not have", async () => {
    const result = await world.client().run("nobody@web-1.prod", "true");
    assert.equal(result.code, 255);
    assert.match(result.stderr, /nobody@web-1\.prod: Permission denied/);
  });

  test("learns nothing about why", async () => {
    world.remove("UserAccess", "alice-prod");
    const { stderr } = await world.client().run(target, "true");
    assert.doesNotMatch(stderr, /grant|alice-prod/);
  });
});

describe("a live session", () => {
  afterEach(async () => {
    await world.reset();
  });

  const CUTS: readonly { readonly name: string; readonly want: string; readonly act: () => void }[] = [
    {
      name: "the grant is deleted",
      want: "no-grant",
      act: () => {
        world.remove("UserAccess", "alice-prod");
      },
    },
    {
      name: "the person is signed out",
      want: "session-gone",
      act: () => {
        world.remove("LoginSession", "s-alice");
      },
    },
    {
      name: "the login leaves the grant",
      want: "jump-exceeds-grant",
      act: () => {
        grant({ logins: ["nobody"] });
      },
    },
    {
      name: "the trust in the cluster is deleted",
      want: "cluster-not-trusted",
      act: () => {
        world.remove("TrustedHostCA", "prod");
      },
    },
  ];

  for (const { name, want, act } of CUTS) {
    test(`is cut within ${CUT_MS} ms when ${name}`, async () => {
      const session = await hold();
      const started = performance.now();
      act();
      await session.exited;
      const took = (session.lastOutputAt() ?? 0) - started;
      const line = await world.audited({
        event: "session.end",
        outcome: "denied",
        reason: want,
        target: "web-1.prod",
      });
      assert.ok(took < CUT_MS, `the last byte came ${took} ms after`);
      assert.equal(line.grant?.name, "alice-prod");
      assert.ok((line.elapsedMs ?? CUT_MS) < CUT_MS);
    });
  }

  test("of somebody else's stays when one is cut", async () => {
    world.set("UserAccess", "alice-too", {
      userRef: { name: "alice" },
      clusters: ["prod"],
      logins: [world.login],
    });
    const session = await hold();
    world.remove("UserAccess", "alice-prod");
    await session.waitFor(/(tick\n){50}/, 5000);
    assert.equal(session.exitedAt(), undefined);
    await session.stop();
    world.remove("UserAccess", "alice-too");
  });

  test("is cut when its certificate expires", async () => {
    const certificate = world.certificate({ to: Math.ceil(Date.now() / 1000) * 1000 + 3000 });
    const session = await world.client("short", certificate).holdStream(target);
    await session.exited;
    const line = await world.audited({
      event: "session.end",
      reason: "certificate-expired",
      target: "web-1.prod",
    });
    assert.ok((line.elapsedMs ?? CUT_MS) < CUT_MS);
  });

  test("is cut when its grant expires", async () => {
    grant({ expirationTime: new Date(Date.now() + 3000).toISOString() });
    const session = await hold();
    await session.exited;
    await world.audited({ event: "session.end", reason: "grant-expired", target: "web-1.prod" });
  });
});

describe("an agent that may not", () => {
  const AGENTS: readonly {
    readonly want: string;
    readonly why: string;
    readonly start: () => ReturnType<ProxyWorld["startAgent"]>;
  }[] = [
    {
      want: "wrong-cluster",
      why: "its certificate names another cluster",
      start: () => world.startAgent({ principals: ["dev"] }),
    },
    {
      want: "certificate-unknown-authority",
      why: "its host CA is not trusted",
      start: () => world.startAgent({ ca: generatePrivateKey("Ed25519") }),
    },
    {
      want: "cluster-not-trusted",
      why: "there is no TrustedHostCA of its cluster",
      start: () => world.startAgent({ cluster: "dev" }),
    },
  ];
  for (const { want, why, start } of AGENTS) {
    test(`is refused with ${want}: ${why}`, async () => {
      const agent = start();
      const line: AuditRecord = await world.audited({
        event: "tunnel.auth",
        outcome: "denied",
        reason: want,
      });
      assert.ok(line.cluster);
      agent.close();
    });
  }

  test("loses its tunnels when its cluster is suspended, and gets them back afterwards", async () => {
    world.audit.length = 0;
    world.set("TrustedHostCA", "prod", { publicKeys: world.hostCaLines, suspend: true });
    await world.audited({ event: "tunnel.down", reason: "cluster-suspended" });
    await world.reset();
    const result = await world.client().run(target, "true");
    assert.equal(result.code, 0, result.stderr);
  });
});

describe("TrustedHostCA.status", () => {
  test("tells how many tunnels this pod holds", async () => {
    const count = await until(
      "the status",
      () => {
        const status = world.api.get("TrustedHostCA", "acme", "prod")?.["status"] as
          { proxies?: { pod: string; tunnels: number }[] } | undefined;
        return status?.proxies?.find(({ pod, tunnels }) => pod === "acme-proxy-0" && tunnels > 0)?.tunnels;
      },
      { deadlineMs: 15_000 },
    );
    assert.ok(count >= 1);
  });
});
