/** Shells and commands: exit codes, signals, the three streams, the environment. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { canAddAccounts } from "../accounts.ts";
import type { Cell, Feature } from "../cell.ts";
import { REKEYING, UNPRIVILEGED } from "../world.ts";

const MEGABYTE = 1 << 20;
/** After which we close a connection that has not signed in. */
const LOGIN_GRACE_MS = 30_000;

export function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** Runs a command without input, which has to end well; its output. */
export async function output(cell: Cell, command: string): Promise<string> {
  const { status, stdout } = await cell.run({ do: "session", command });
  assert.equal(status, 0, `"${command}" ended with ${String(status)}`);
  return stdout.toString();
}

async function shell(cell: Cell): Promise<void> {
  const { status, stdout } = await cell.run({ do: "session" }, { input: "echo $((6 * 7))\nexit 3\n" });
  assert.match(stdout.toString(), /^42\r?$/m);
  assert.equal(status, 3);
}

async function exitCodes(cell: Cell): Promise<void> {
  for (const code of [0, 1, 255]) {
    const { status, stdout } = await cell.run({ do: "session", command: `echo ran; exit ${code}` });
    assert.deepEqual([stdout.toString(), status], ["ran\n", code]);
  }
}

async function killedBySignal(cell: Cell): Promise<void> {
  const { status, stdout, stderr } = await cell.run({ do: "session", command: "echo ran; kill -KILL $$" });
  assert.equal(stdout.toString(), "ran\n");
  assert.notEqual(status, 0);
  assert.match(stderr, /exit-signal|signal/i, "the client hears of a signal");
}

async function signalSent(cell: Cell): Promise<void> {
  const command = "trap 'echo caught; exit 7' TERM; echo waiting; while :; do sleep 0.05; done";
  const operation = { do: "signal", command, after: "waiting", signal: "TERM" } as const;
  // sshd signals nothing of root's: it does so in the process that it keeps for an unprivileged session.
  const route = await cell.route(canAddAccounts() ? { login: UNPRIVILEGED } : {});
  const { status, stdout } = await cell.run(operation, { route });
  assert.match(stdout.toString(), /caught/);
  assert.equal(status, 7);
}

async function stderrApart(cell: Cell): Promise<void> {
  const { stdout, stderr } = await cell.run({ do: "session", command: "echo to-out; echo to-err >&2" });
  assert.equal(stdout.toString(), "to-out\n");
  assert.match(stderr, /^to-err$/m);
  assert.doesNotMatch(stderr, /^to-out$/m);
}

async function environment(cell: Cell): Promise<void> {
  const { stdout } = await cell.run({
    do: "session",
    command: "echo $LC_MATRIX",
    env: { LC_MATRIX: "a-value" },
  });
  assert.equal(stdout.toString(), "a-value\n");
}

/** `tar | ssh host tar`: the far side works on after our end of input. */
async function halfClose(cell: Cell): Promise<void> {
  const archive = await cell.runInvocation({
    command: "tar",
    args: ["-C", cell.world.folder.path, "-c", "payload"],
  });
  const there = `${cell.scratch}/unpacked`;
  const command = `mkdir -p ${there} && tar -x -C ${there} && sha256sum < ${there}/payload && rm -r ${there}`;
  const { stdout } = await cell.run({ do: "session", command }, { input: archive.stdout });
  assert.equal(stdout.toString().split(" ")[0], sha256(cell.world.payload.bytes));
}

/** A megabyte and its end at once, to a command that reads it and to one that does not. */
async function immediateEnd(cell: Cell): Promise<void> {
  const input = cell.world.payload.bytes.subarray(0, MEGABYTE);
  const read = await cell.run({ do: "session", command: "cat" }, { input });
  assert.equal(sha256(read.stdout), sha256(input));
  const unread = await cell.run({ do: "session", command: "exit 5" }, { input });
  assert.equal(unread.status, 5);
}

async function large(cell: Cell): Promise<void> {
  const { bytes, file } = cell.world.large;
  const up = await cell.run({ do: "session", command: "sha256sum" }, { input: bytes });
  assert.equal(up.stdout.toString().split(" ")[0], sha256(bytes));
  const down = await cell.run({ do: "session", command: `cat ${file}` });
  assert.equal(sha256(down.stdout), sha256(bytes));
}

/** A byte at a time from the far side, as a program without a buffer writes. */
async function tinyWrites(cell: Cell): Promise<void> {
  const command = "for i in $(seq 3000); do printf x; done";
  const { stdout } = await cell.run({ do: "session", command });
  assert.equal(stdout.toString(), "x".repeat(3000));
}

async function rekeying(cell: Cell): Promise<void> {
  const input = cell.world.payload.bytes;
  const route = await cell.route({ target: REKEYING });
  const { stdout } = await cell.run({ do: "session", command: "cat", rekey: true }, { input, route });
  assert.equal(sha256(stdout), sha256(input));
}

async function tenSessions(cell: Cell): Promise<void> {
  const { stdout } = await cell.run({ do: "sessions", count: 10, command: "echo session" });
  assert.equal(stdout.toString().match(/session/g)?.length ?? 0, 10);
}

async function plainKey(cell: Cell): Promise<void> {
  const from = performance.now();
  const route = await cell.route({ certified: false });
  const { status, stdout } = await cell.run({ do: "session", command: "echo inside" }, { route });
  assert.notEqual(status, 0);
  assert.equal(stdout.toString(), "");
  assert.ok(performance.now() - from < LOGIN_GRACE_MS, "it is told, not left waiting");
}

export const SESSIONS: readonly Feature[] = [
  { id: "shell", basic: true, name: "shell", try: shell },
  { id: "exec", basic: true, name: "exec: exit codes 0, 1, 255", try: exitCodes },
  { id: "exit-signal", basic: true, name: "exec: ended by a signal", try: killedBySignal },
  { id: "signal", name: "signal sent by the client", try: signalSent },
  { id: "stderr", name: "stderr apart from stdout", try: stderrApart },
  { id: "environment", name: "environment (LC_*)", try: environment },
  { id: "half-close", basic: true, name: "half-close: tar | ssh tar", try: halfClose },
  { id: "immediate-end", name: "1 MB of stdin, then its end", try: immediateEnd },
  { id: "large", name: "large transfer both ways", try: large },
  { id: "tiny", name: "3,000 writes of a byte", try: tinyWrites },
  { id: "rekey", basic: true, name: "re-keying by both sides", try: rekeying },
  { id: "sessions", name: "10 sessions, one connection", try: tenSessions },
  { id: "plain-key", basic: true, name: "a plain key is refused", try: plainKey },
];
