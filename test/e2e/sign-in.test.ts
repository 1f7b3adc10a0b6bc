/** Enrolment, sign-in and key-helper tokens: what works once works once. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  enrol,
  ensureKey,
  keyFiles,
  keyHelperArguments,
  readInvite,
  readMachineState,
  runCommand,
  signIn,
  totpCode,
  totpStep,
  type Credentials,
  type Invite,
} from "@teleport-access/testkit";
import { addresses, expectAudit, keyHelperProgram, kubectl, machine, webClient } from "./world.ts";

const BOB = {
  apiVersion: "teleport-access.io/v1alpha1",
  kind: "ProxyUser",
  metadata: { name: "bob", namespace: "acme" },
  spec: {},
};

let invite: Invite;
let bob: Credentials;

before(async () => {
  await kubectl.apply(JSON.stringify(BOB));
  await kubectl.wait("acme", "proxyuser/bob", "condition=Ready", 60);
  invite = await readInvite(kubectl, "acme", "bob");
  bob = await enrol(webClient(), invite, "correct horse battery staple");
});

after(async () => {
  await kubectl.run(["-n", "acme", "delete", "proxyuser/bob"]);
});

test("an invite works once: its Secret is gone and its token refused", async () => {
  const name = await kubectl.run([
    "-n",
    "acme",
    "get",
    "secret",
    "bob-invite",
    "--ignore-not-found",
    "-o",
    "name",
  ]);
  assert.equal(name, "");
  await assert.rejects(enrol(webClient(), invite, "another password"), /answered 40[0-9]/);
});

test("wrong password, wrong code and unknown user are one answer", async () => {
  const code = totpCode(bob.totpSecret, totpStep(Date.now()) - 5);
  const replies = [];
  for (const body of [
    { user: "bob", password: "wrong", code },
    { user: "bob", password: bob.password, code },
    { user: "nobody", password: bob.password, code },
  ])
    replies.push(await webClient().send("POST", "/api/v1/sign-in", body));
  assert.equal(replies[0]?.status, 401);
  assert.deepEqual(replies[1], replies[0]);
  assert.deepEqual(replies[2], replies[0]);
});

test("a TOTP code works once, whichever proxy is asked", async () => {
  const since = new Date();
  bob = await signIn(webClient(), bob);
  const body = { user: "bob", password: bob.password, code: totpCode(bob.totpSecret, bob.lastStep) };
  // Each client is a connection of its own, so both proxies are likely asked.
  for (let i = 0; i < 3; i++)
    assert.equal((await webClient().send("POST", "/api/v1/sign-in", body)).status, 401);
  await expectAudit(since, { event: "sign-in", outcome: "denied", user: "bob", reason: "code-reused" });
});

test("a request without the proxy's own Origin changes nothing", async () => {
  const reply = await webClient().send(
    "POST",
    "/api/v1/sign-in",
    {},
    { origin: "https://elsewhere.example" },
  );
  assert.equal(reply.status, 403);
});

test("a key-helper token is bound to the device that used it first", async () => {
  const since = new Date();
  const folder = mkdtempSync(join(tmpdir(), "teleport-access-device-"));
  try {
    const files = keyFiles(folder);
    await ensureKey(files, "thief");
    const token = readMachineState(machine).token ?? "";
    const options = { program: keyHelperProgram, server: addresses.web, user: "alice", token };
    const args = keyHelperArguments(files, { ...options, caFile: machine.caFile });
    const { code, stderr } = await runCommand(process.execPath, args, { timeoutMs: 20_000 });
    assert.notEqual(code, 0);
    assert.match(stderr, /another (device|machine)/);
    assert.equal(stderr.includes(token), false, "the token is in no message");
    await expectAudit(since, { event: "key-helper.refuse", reason: "wrong-device" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
