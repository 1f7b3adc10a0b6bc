/** The audit log as a stock client and a hostile one make it: one life of a connection, and nothing a stranger says unescaped. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import { freePort, holdCommand, until } from "@teleport-access/testkit";
import { startProxyWorld } from "./proxy-world.ts";
import type { AuditRecord, ProxyWorld } from "./proxy-world.ts";

let world: ProxyWorld;

before(async () => {
  world = await startProxyWorld();
});
after(async () => {
  await world.close();
});
beforeEach(() => {
  world.audit.length = 0;
});

describe("the audit log", () => {
  test("tells one jump from the socket to its end, under one connection's id", async () => {
    const { code, stderr } = await world.client().run(`${world.login}@web-1.prod`, "echo hello");
    assert.equal(code, 0, stderr);
    const end = await world.audited({ event: "connection.end", user: "alice" });
    await world.audited({ event: "session.end", target: "web-1.prod" });
    const lines = world.audit.filter(({ connection }) => connection === end.connection);
    assert.deepEqual(lines.slice(0, 4).map(shortly), [
      "connection.open info",
      "ssh.auth allowed",
      "target.dial allowed web-1.prod",
      "channel.open allowed web-1.prod",
    ]);
    assert.deepEqual(lines.slice(4).map(shortly).toSorted(), [
      "connection.end info",
      "session.end info",
      "session.end info web-1.prod",
    ]);
    const numbers = [lineOf("session.end", "web-1.prod"), end].flatMap((line) => [
      line.durationMs,
      line.bytesIn,
      line.bytesOut,
    ]);
    assert.ok(
      numbers.every((number) => number !== undefined && number > 0),
      String(numbers),
    );
    const details = { ...lineOf("target.dial").detail, ...end.detail };
    assert.deepEqual([details["agent"], details["cipher"]], ["prod-agent-0", "aes128-gcm@openssh.com"]);
    assert.match(String(details["peerVersion"]), /^SSH-2\.0-OpenSSH/);
    assert.equal(lineOf("session.end", "web-1.prod").session, lineOf("channel.open").session);
    assert.match(lineOf("ssh.auth").certificate?.authority ?? "", /^SHA256:/);
  });

  test("says how much went through a session that was cut", async () => {
    const session = await world.client().holdStream(`${world.login}@web-1.prod`);
    world.remove("UserAccess", "alice-prod");
    await session.exited;
    const cut = await world.audited({ event: "session.end", outcome: "denied", target: "web-1.prod" });
    assert.ok((cut.bytesOut ?? 0) > 1000 && (cut.durationMs ?? 0) > 0);
    await world.reset();
  });

  test("tells a session of the menu from its beginning to its end", async () => {
    await world.client().run("proxy", "targets");
    const opened = await world.audited({ event: "channel.open", outcome: "allowed" });
    const ended = await world.audited({ event: "session.end", reason: "answered" });
    assert.deepEqual([opened.detail, ended.detail], [{ form: "menu" }, { kind: "menu" }]);
    assert.ok(opened.session !== undefined && opened.session === ended.session);
    assert.equal(opened.connection, ended.connection);
  });

  test("has a line for a channel that nobody offers, and for a name that is no target", async () => {
    // Sockets are forwarded by targets alone, and ssh is not told so before it tries.
    const port = await freePort();
    const options = ["-F", world.client().configPath, "-o", "BatchMode=yes", "-N"];
    const held = holdCommand("ssh", [...options, "-L", `${port}:/run/x`, "proxy"]);
    const refused = until(
      "the refusal",
      () => {
        connect(port, "127.0.0.1").on("error", () => undefined);
        return world.audit.find(({ reason }) => reason === "channel-type-not-offered");
      },
      { deadlineMs: 10_000, everyMs: 20 },
    );
    const { event, outcome, user, detail } = await refused;
    assert.deepEqual([event, outcome, user], ["channel.open", "denied", "alice"]);
    assert.deepEqual(detail, { request: "direct-streamlocal@openssh.com" });
    await held.stop();
    await world.client().run("proxy", "true", ["-l", "deploy@web-1..prod"]);
    await world.audited({ event: "channel.open", outcome: "denied", reason: "not-a-target" });
  });

  test("has lines for a tunnel's connection", async () => {
    const agent = world.startAgent({ cluster: "dev" });
    const end = await world.audited({ event: "connection.end" });
    assert.ok(end.detail?.["port"] === "tunnel" || end.user === "alice");
    agent.close();
  });

  test("holds nothing that a stranger says unescaped or at length", async () => {
    const evil = `x\u001b[2J\u009b\r{"audit":true}\u2028\u202e${"y".repeat(200)}`;
    await world.client().run("proxy", "targets", ["-l", evil]);
    await world.client().run(`x@${"a\u202e".repeat(20)}.prod`, "true");
    for (const greeting of [
      `SSH-2.0-${evil}\n`,
      `SSH-2.0-ok\r\n${evil.repeat(50)}`,
      `${evil}\r\n`.repeat(40),
    ]) {
      await speak(greeting);
    }
    await world.audited({ event: "ssh.auth", outcome: "denied", reason: "protocol-error" });
    for (const line of world.audit) {
      const text = JSON.stringify(line);
      assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      for (const value of texts(line)) assert.ok(value.length <= 400, value.slice(0, 80));
    }
  });
});

function shortly({ event, outcome, target = "" }: AuditRecord): string {
  return `${event} ${outcome} ${target}`.trim();
}

/** The first line of an event, about a target if one is given. */
function lineOf(event: string, target?: string): AuditRecord {
  const found = world.audit.find((line) => line.event === event && (target ?? line.target) === line.target);
  assert.ok(found, event);
  return found;
}

/** All texts in a line, as a reader of JSON gets them. */
function texts(line: AuditRecord): string[] {
  return (
    JSON.stringify(line)
      .match(/"(?:[^"\\]|\\.)*"/g)
      ?.map((text) => JSON.parse(text) as string) ?? []
  );
}

/** Sends bytes to the SSH port and waits until it hangs up. */
async function speak(text: string): Promise<void> {
  const socket = connect(world.ports.ssh, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.resume();
  await once(socket, "connect");
  socket.end(text);
  await once(socket, "close");
}
