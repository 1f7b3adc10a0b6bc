import assert from "node:assert/strict";
import { test } from "node:test";
import { BUSY, createPasswords, passwordProblem } from "./password.ts";

const passwords = await createPasswords();
const stored = await passwords.hash("correct horse battery");

test("Passwords.hash makes an argon2id PHC string with the parameters we chose", () => {
  assert.match(String(stored), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
});

test("Passwords.verify accepts the password that was hashed, and no other", async () => {
  assert.equal(await passwords.verify(String(stored), "correct horse battery"), true);
  for (const wrong of ["", "correct horse batter", "correct horse battery ", "Correct horse battery"]) {
    assert.equal(await passwords.verify(String(stored), wrong), false, JSON.stringify(wrong));
  }
});

test("Passwords.verify refuses passwords of 256 and more characters, whatever is stored", async () => {
  for (const length of [256, 1024, 100_000]) {
    assert.equal(await passwords.verify(String(stored), "a".repeat(length)), false);
  }
});

test("Passwords.verify refuses for an unknown user and for a hash that cannot be read", async () => {
  const unreadable = [
    "",
    "$argon2id$",
    "$argon2id$v=19$m=19456,t=2,p=1$AAAA",
    "$2b$10$abcdefghijklmnopqrstuv",
    "x",
  ];
  for (const hash of [undefined, ...unreadable]) {
    assert.equal(await passwords.verify(hash, "correct horse battery"), false, String(hash));
  }
});

test("Passwords.verify does the same work for an unknown user as for a known one", async () => {
  // Processor time, not time: it is the same on a busy machine. How long the answer takes is levelled elsewhere.
  async function cost(hash: string | undefined): Promise<number> {
    const before = process.cpuUsage();
    for (let round = 0; round < 5; round += 1) await passwords.verify(hash, "wrong password here");
    const { user, system } = process.cpuUsage(before);
    return user + system;
  }
  const known = await cost(String(stored));
  const unknown = await cost(undefined);
  assert.ok(unknown > known / 3, `${unknown} µs for an unknown user, ${known} µs for a known one`);
});

test("Passwords turns work away when too much of it waits, and recovers", async () => {
  const few = await createPasswords({ running: 1, waiting: 1 });
  const [first, second, third] = [few.hash("a"), few.hash("b"), few.hash("c")];
  assert.equal(few.busy(), true);
  assert.equal(await third, BUSY);
  assert.notEqual(await first, BUSY);
  assert.notEqual(await second, BUSY);
  assert.equal(few.busy(), false);
  assert.notEqual(await few.hash("d"), BUSY);
});

test("passwordProblem names what is wrong with a password, and lets good ones pass", () => {
  assert.match(passwordProblem("short") ?? "", /at least 12/);
  assert.match(passwordProblem("x".repeat(201)) ?? "", /at most 200/);
  assert.match(passwordProblem("aaaaaaaaaaaaaaaa") ?? "", /different/);
  assert.equal(passwordProblem("correct horse battery"), undefined);
});
