/**
 * A code for each session, with stock OpenSSH and the whole proxy: asked after the key in both forms, worth one
 * connection, counted and spent with the codes of the web page.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { openSshMatrix, startSshAgent } from "@teleport-access/testkit";
import type { FinishedProgram, OpenSsh } from "@teleport-access/testkit";
import { codeNow, credentialOf, enrolAlice, startTypedSsh, typedSsh } from "./enrolled.ts";
import { startProxyWorld } from "./proxy-world.ts";
import type { AuditRecord, ProxyWorld } from "./proxy-world.ts";
import { startTargetSshd } from "./target-sshd.ts";

for (const openSsh of openSshMatrix().installed) {
  describe(
    `${openSsh.version} and a grant that asks for a code in each session`,
    { concurrency: false },
    () => {
      secondFactorTests(openSsh);
    },
  );
}

function secondFactorTests(openSsh: OpenSsh): void {
  let world: ProxyWorld;
  let web: string;
  let db: string;

  before(async () => {
    world = await startProxyWorld({
      openSsh,
      behind: async (keys, folder) => {
        const names = ["web-1", "db-1"];
        const sshds = await Promise.all(
          names.map((host) => startTargetSshd(openSsh, folder, { keys, names: [`${host}.prod`] })),
        );
        const targets = sshds.map(({ port }, index) => ({
          host: names[index] ?? "",
          ports: [22],
          address: `127.0.0.1:${port}`,
        }));
        return { sshds, targets };
      },
    });
    web = `${world.login}@web-1.prod`;
    db = `${world.login}@db-1.prod`;
    begin();
  });
  after(async () => {
    await world.close();
  });
  afterEach(async () => {
    await world.reset();
    begin();
  });

  /** web-1 without a code, db-1 with one. */
  function begin(): void {
    grant("alice-prod", { targets: [{ host: "web-1" }] });
    grant("alice-db", { targets: [{ host: "db-1" }], secondFactor: "PerSession" });
    enrolAlice(world);
    world.audit.length = 0;
  }

  function grant(name: string, over: object): void {
    const base = { userRef: { name: "alice" }, clusters: ["prod"], logins: [world.login] };
    world.set("UserAccess", name, { ...base, ...over });
  }

  /** alice keeps nothing but the grant that asks. */
  function onlyWithCode(): void {
    world.remove("UserAccess", "alice-prod");
  }

  function ssh(code: string | undefined, ...args: readonly string[]): Promise<FinishedProgram> {
    return typedSsh(world, { openSsh, args, ...(code === undefined ? {} : { code }) });
  }

  function lines(): readonly (readonly [string, string | undefined])[] {
    return world.audit.filter(({ event }) => event === "ssh.auth").map((line) => [line.outcome, line.reason]);
  }

  async function refused(code: string | undefined, ...args: readonly string[]): Promise<FinishedProgram> {
    const finished = await ssh(code, ...args);
    assert.equal(finished.status, 255, finished.stdout.toString());
    return finished;
  }

  test("asks in the jump form, once for the hop, and lets in with the right code", async () => {
    onlyWithCode();
    const { status, stdout, stderr } = await ssh(codeNow(), db, "echo in");
    assert.deepEqual([status, stdout.toString()], [0, "in\n"], stderr);
    const line: AuditRecord = await world.audited({ event: "ssh.auth", outcome: "allowed" });
    assert.equal(line.secondFactor, true);
    await world.audited({ event: "channel.open", outcome: "allowed", target: "db-1.prod" });
    assert.deepEqual(lines(), [
      ["info", "code-asked"],
      ["allowed", undefined],
    ]);
  });

  test("asks with mixed grants only who asks for it: proxy hop alice+code", async () => {
    const plain = await ssh(undefined, web, "echo in");
    assert.deepEqual([plain.status, plain.stdout.toString()], [0, "in\n"], plain.stderr);
    const { stderr } = await refused(undefined, db, "true");
    assert.match(stderr, /access denied without a code; put \+code behind the proxy's user name/);
    await world.audited({ event: "channel.open", outcome: "denied", reason: "second-factor-required" });
    const asked = await ssh(codeNow(), "-J", "alice+code@proxy", db, "echo in");
    assert.deepEqual([asked.status, asked.stdout.toString()], [0, "in\n"], asked.stderr);
  });

  test("asks in the forward form where the named target needs it, and not where it does not", async () => {
    const agent = await startSshAgent(openSsh, world.folder);
    await agent.add(world.folder.file("alice"));
    const config = ["Host proxy", "  ForwardAgent yes", `  IdentityAgent ${agent.socket}`];
    const args = ["-l", `${world.login}@db-1.prod`, "proxy", "echo in"];
    const { status, stdout, stderr } = await typedSsh(world, { openSsh, code: codeNow(), config, args });
    await agent.stop();
    assert.deepEqual([status, stdout.toString()], [0, "in\n"], stderr);
    assert.deepEqual(lines(), [
      ["info", "code-asked"],
      ["allowed", undefined],
    ]);
    world.audit.length = 0;
    await ssh(undefined, "-l", `${world.login}@web-1.prod`, "proxy", "true");
    assert.deepEqual(lines(), [["allowed", undefined]]);
  });

  test("covers with one code what a ControlMaster multiplexes, and asks again for the next connection", async () => {
    onlyWithCode();
    const socket = world.folder.file("hop.sock");
    const config = ["Host proxy", "  ControlMaster auto", `  ControlPath ${socket}`, "  ControlPersist 30"];
    for (const code of [codeNow(), undefined]) {
      const shared = await typedSsh(world, {
        ...{ openSsh, config, args: [db, "echo in"] },
        ...(code === undefined ? {} : { code }),
      });
      assert.deepEqual([shared.status, shared.stdout.toString()], [0, "in\n"], shared.stderr);
    }
    assert.equal(lines().filter(([, reason]) => reason === "code-asked").length, 1);
    await typedSsh(world, { openSsh, config, args: ["-O", "exit", "proxy"] });
    await refused(undefined, db, "true");
    assert.equal(lines().filter(([, reason]) => reason === "code-asked").length, 2);
  });

  test("takes a code once", async () => {
    onlyWithCode();
    const code = codeNow();
    assert.equal((await ssh(code, "proxy", "targets")).status, 0);
    await refused(code, "proxy", "targets");
    await world.audited({ event: "ssh.auth", outcome: "denied", reason: "code-reused" });
  });

  test("takes no empty answer, and counts no try for it", async () => {
    onlyWithCode();
    await refused("", "proxy", "targets");
    await world.audited({ event: "ssh.auth", outcome: "denied", reason: "challenge-unanswered" });
    assert.equal(credentialOf(world, "failures"), undefined);
  });

  test("lets nobody in who cannot be asked", async () => {
    onlyWithCode();
    await refused(undefined, "proxy", "targets");
    assert.deepEqual(lines(), [["info", "code-asked"]]);
  });

  test("locks the account after five wrong codes, for the right one, too", async () => {
    onlyWithCode();
    for (let n = 0; n < 5; n += 1) await refused("000000", "proxy", "targets");
    await refused(codeNow(), "proxy", "targets");
    assert.deepEqual(
      lines().filter(([outcome]) => outcome === "denied"),
      [...Array<string>(5).fill("second-factor-wrong"), "locked-out"].map((reason) => ["denied", reason]),
    );
    assert.equal((JSON.parse(credentialOf(world, "failures") ?? "[]") as unknown[]).length, 5);
  });

  test("lets nobody in while the API server does not answer for the credentials", async () => {
    onlyWithCode();
    world.api.fail({ kind: "status", status: 503 }, { path: "/secrets/" });
    await refused(codeNow(), "proxy", "targets");
    await world.audited({ event: "ssh.auth", outcome: "denied", reason: "second-factor-unavailable" });
  });

  test("cuts a live session that came without a code when its grant begins to ask, and keeps one that came with it", async () => {
    const session = await world.client().holdStream(web);
    grant("alice-prod", { targets: [{ host: "web-1" }], secondFactor: "PerSession" });
    await session.exited;
    await world.audited({
      event: "session.end",
      outcome: "denied",
      reason: "second-factor-required",
      target: "web-1.prod",
    });
    onlyWithCode();
    world.audit.length = 0;
    const held = startTypedSsh(world, {
      ...{ openSsh, code: codeNow() },
      args: [db, "echo in; read -r line; echo $line"],
    });
    await world.audited({ event: "channel.open", outcome: "allowed", target: "db-1.prod" });
    grant("alice-db", { targets: [{ host: "db-*" }], secondFactor: "PerSession" });
    held.process.stdin?.end("still in\n");
    assert.equal((await held.finished).stdout.toString(), "in\nstill in\n");
  });
}
