/** The key-helper beside a real ssh-agent: the certificate in it is renewed for whoever put one there. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { Server } from "node:net";
import { dirname } from "node:path";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { systemClock } from "@teleport-access/daemon";
import type { Clock } from "@teleport-access/daemon";
import { runProgram as runKeyHelper } from "@teleport-access/keyhelper";
import {
  formatCertificateLine,
  generatePrivateKey,
  issueCertificate,
  publicKeyOf,
  SshWriter,
} from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";
import {
  createTestFolder,
  openSshMatrix,
  runProgram,
  startSshAgent,
  until,
  writeIdentity,
} from "@teleport-access/testkit";
import type { OpenSsh, TestFolder } from "@teleport-access/testkit";
import { encodeKeyHelperMessage } from "@teleport-access/wire";
import { startFakeProxy, testdata } from "../../keyhelper/src/fake-proxy.ts";
import type { FakeProxy } from "../../keyhelper/src/fake-proxy.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const ca = generatePrivateKey("Ed25519");
const key = generatePrivateKey("Ed25519");
let proxy: FakeProxy;
let folder: TestFolder;

before(async () => {
  proxy = await startFakeProxy();
  folder = createTestFolder();
  folder.write("tls.crt", testdata("tls.crt"));
});
after(async () => {
  await proxy.close();
  folder.remove();
});

function issue(serial: bigint): Certificate {
  return issueCertificate(ca, {
    type: "user",
    publicKey: publicKeyOf(key),
    keyId: "alice",
    serial,
    principals: ["deploy@prod"],
    validAfter: new Date(Date.now() - 60 * SECOND),
    validBefore: new Date(Date.now() + HOUR),
  });
}

/** The step with which the fake proxy sends a certificate. */
function sending(certificate: Certificate): string {
  return `say ${encodeKeyHelperMessage({
    type: "certificate",
    line: formatCertificateLine(certificate),
    serial: String(certificate.serial),
    validAfter: "2026-01-01T08:00:00Z",
    validBefore: "2026-01-01T16:00:00Z",
    principals: ["deploy@prod"],
  })}`;
}

/** A running key-helper and what it has said. */
interface Running {
  said(): string;
  stop(): Promise<number>;
}

function startKeyHelper(
  name: string,
  environment: Record<string, string>,
  clock: Clock = systemClock,
): Running {
  const stop = new AbortController();
  let said = "";
  function say(text: string): void {
    said += text;
  }
  const path = folder.file(name);
  const code = runKeyHelper(
    [
      `--server=${proxy.origin}`,
      "--auth=alice",
      `--token=tah_${"k".repeat(43)}`,
      `--key-path=${path}.pub`,
      `--cert-path=${path}-cert.pub`,
      `--ca-file=${folder.file("tls.crt")}`,
    ],
    {
      output: { stdout: say, stderr: say },
      home: folder.path,
      stateDir: folder.file("state"),
      environment: { HOME: folder.path, ...environment },
      clock,
      signal: stop.signal,
    },
  );
  return {
    said: () => said,
    stop: () => {
      stop.abort();
      return code;
    },
  };
}

async function says(helper: Running, text: string): Promise<void> {
  await until(`"${text}" in:\n${helper.said()}`, () => helper.said().includes(text), {
    deadlineMs: 15_000,
    everyMs: 10,
  });
}

/** An agent that holds this certificate and does nothing but say so. */
async function startRefusingAgent(path: string, { blob }: Certificate): Promise<Server> {
  const list = new SshWriter().string(new SshWriter().u8(12).u32(1).string(blob).string("").done()).done();
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    let question = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      question = Buffer.concat([question, chunk]);
      if (question.length < 5 || question.length < 4 + question.readUInt32BE(0)) return;
      socket.write(question[4] === 11 ? list : new SshWriter().string(Buffer.of(5)).done());
      question = Buffer.alloc(0);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

for (const openSsh of openSshMatrix().installed) {
  describe(`${openSsh.version}: the key-helper and the SSH agent`, { concurrency: false }, () => {
    agentTests(openSsh);
  });
}

function agentTests(openSsh: OpenSsh): void {
  const path = dirname(openSsh.program("ssh-add"));
  let agent: Awaited<ReturnType<typeof startSshAgent>>;
  before(async () => {
    agent = await startSshAgent(openSsh, folder);
  });
  after(() => agent.stop());

  function environment(): Record<string, string> {
    return { PATH: path, SSH_AUTH_SOCK: agent.socket };
  }
  async function sshAdd(...args: string[]): Promise<string> {
    const { stdout } = await runProgram(openSsh.program("ssh-add"), args, {
      env: { SSH_AUTH_SOCK: agent.socket },
    });
    return stdout.toString();
  }
  /** The types of what the agent holds, and the serials of certificates. */
  async function held(): Promise<string[]> {
    const listed = folder.write("held", await sshAdd("-L"));
    const { stdout } = await runProgram(openSsh.program("ssh-keygen"), ["-L", "-f", listed]);
    const serials = [...stdout.toString().matchAll(/Serial: (\d+)/g)].map(([, serial]) => serial ?? "");
    const plain = (await sshAdd("-L")).includes("ssh-ed25519 ") ? ["plain"] : [];
    return [...plain, ...serials];
  }

  test("a renewed certificate takes the place of the one that was added", async () => {
    writeIdentity(folder, "alice", key, issue(1n));
    await agent.add(folder.file("alice"));
    assert.deepEqual(await held(), ["plain", "1"]);
    proxy.scripts = [["welcome signed-in", sending(issue(2n))]];
    const helper = startKeyHelper("alice", environment());
    await says(helper, "the SSH agent has the new certificate");
    assert.equal(await helper.stop(), 0);
    assert.deepEqual(await held(), ["plain", "2"]);
  });

  test("the agent's copy ends with the certificate", async () => {
    const certificate = issue(3n);
    proxy.scripts = [["welcome signed-in", sending(certificate)]];
    // Two seconds are left, however slow this machine is.
    const now = Number(certificate.validBefore) * SECOND - 2 * SECOND;
    const helper = startKeyHelper("alice", environment(), { ...systemClock, now: () => now });
    await says(helper, "the SSH agent has the new certificate");
    assert.equal(await helper.stop(), 0);
    await until("its end", async () => !/[0-9]/.test((await held()).join("")), {
      deadlineMs: 10_000,
      everyMs: 100,
    });
    // An ssh-add that can leave the plain key out does.
    const { stderr } = await runProgram(openSsh.program("ssh-add"), ["-C", "-l"], { env: environment() });
    if (!stderr.includes("usage")) assert.deepEqual(await held(), ["plain"]);
  });

  test("a certificate that is removed from the file is removed from the agent", async () => {
    await sshAdd("-q", "-D");
    writeIdentity(folder, "carol", key, issue(1n));
    await agent.add(folder.file("carol"));
    proxy.scripts = [["welcome signed-in", "revoked no-grant"]];
    const helper = startKeyHelper("carol", environment());
    await says(helper, "the SSH agent has it no more");
    await helper.stop();
    assert.deepEqual(await held(), ["plain"]);
  });

  test("a key with a passphrase costs one line, and nobody is asked", async () => {
    await sshAdd("-q", "-D");
    writeIdentity(folder, "dave", key, issue(1n));
    await agent.add(folder.file("dave"));
    const locked = await runProgram(openSsh.program("ssh-keygen"), [
      "-q",
      "-p",
      "-P",
      "",
      "-N",
      "secret",
      "-f",
      folder.file("dave"),
    ]);
    assert.equal(locked.status, 0, locked.stderr);
    proxy.scripts = [["welcome signed-in", sending(issue(2n))]];
    const helper = startKeyHelper("dave", { ...environment(), DISPLAY: ":0", SSH_ASKPASS: "/bin/false" });
    await says(
      helper,
      `not updated: the key has a passphrase; ssh-add ${folder.file("dave")} does it by hand`,
    );
    await helper.stop();
    assert.deepEqual(await held(), ["plain", "1"]);
  });

  test("an agent that is gone costs one line, and the certificate is written", async () => {
    writeIdentity(folder, "erin", key);
    proxy.scripts = [["welcome signed-in", sending(issue(2n)), sending(issue(3n))]];
    const helper = startKeyHelper("erin", { PATH: path, SSH_AUTH_SOCK: folder.file("nobody") });
    await says(helper, "the SSH agent was not updated: ssh-add says");
    assert.ok(existsSync(folder.file("erin-cert.pub")));
    await helper.stop();
    assert.equal(helper.said().split("the SSH agent").length, 2, helper.said());
  });

  test("an agent that refuses costs one line", async () => {
    const path = writeIdentity(folder, "grace", key, issue(1n));
    const socket = folder.file(`refuses.${openSsh.version}`);
    const refusing = await startRefusingAgent(socket, issue(1n));
    proxy.scripts = [["welcome signed-in", sending(issue(2n))]];
    const helper = startKeyHelper("grace", { ...environment(), SSH_AUTH_SOCK: socket });
    try {
      await says(helper, `agent refused operation"; ssh-add ${path} does it by hand`);
    } finally {
      await helper.stop();
      refusing.close();
    }
  });

  test("an agent that hangs holds nothing up", async () => {
    writeIdentity(folder, "frank", key);
    const socket = folder.file(`hangs.${openSsh.version}`);
    const hanging = createServer(() => undefined);
    await new Promise<void>((resolve) => hanging.listen(socket, resolve));
    proxy.scripts = [["welcome signed-in", sending(issue(2n)), "revoked no-grant"]];
    const quick: Clock = { ...systemClock, setTimer: (ms, fn) => systemClock.setTimer(ms / 10, fn) };
    const helper = startKeyHelper("frank", { PATH: path, SSH_AUTH_SOCK: socket }, quick);
    await says(helper, "certificate removed");
    assert.ok(!helper.said().includes("did not answer"), "the file did not wait for the agent");
    await says(helper, "the SSH agent was not updated: the agent did not answer within 10 s");
    assert.equal(await helper.stop(), 0);
    hanging.close();
  });
}
