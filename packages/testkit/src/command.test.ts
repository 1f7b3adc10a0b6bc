import assert from "node:assert/strict";
import { test } from "node:test";
import { commandOutput, holdCommand, runCommand } from "./command.ts";

const NODE = process.execPath;

test("runCommand gives output and exit code, whatever it is", async () => {
  const script =
    "process.stdin.on('data', (d) => { console.log('got ' + d); console.error('oops'); process.exitCode = 3; })";
  const { code, stdout, stderr } = await runCommand(NODE, ["-e", script], { input: "words" });
  assert.deepEqual([code, stdout, stderr], [3, "got words\n", "oops\n"]);
});

test("runCommand ends a program that takes too long", async () => {
  const { code } = await runCommand(NODE, ["-e", "setInterval(() => {}, 1000)"], { timeoutMs: 50 });
  assert.equal(code, 128);
});

test("runCommand reports a program that does not exist as a shell does", async () => {
  const { code, stderr } = await runCommand("/nonexistent/program", []);
  assert.equal(code, 127);
  assert.match(stderr, /cannot run \/nonexistent\/program/);
});

test("commandOutput throws what the program said", async () => {
  const script = "console.error('the reason'); process.exit(2)";
  await assert.rejects(commandOutput(NODE, ["-e", script]), /failed with 2: the reason/);
});

test("waitFor finds a match that comes later, on either stream", async () => {
  const held = holdCommand(NODE, [
    "-e",
    "setTimeout(() => console.error('ready 42'), 20); setInterval(() => {}, 1000)",
  ]);
  const match = await held.waitFor(/ready (\d+)/, 10_000);
  assert.equal(match[1], "42");
  await held.stop();
  assert.notEqual(held.exitedAt(), undefined);
});

test("waitFor fails with what was printed when the program ends without a match", async () => {
  const held = holdCommand(NODE, ["-e", "console.log('something else')"]);
  await assert.rejects(held.waitFor(/never/, 10_000), /something else/);
});
