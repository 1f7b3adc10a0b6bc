/**
 * Transcripts of the program: each testdata/*.txt holds commands and everything
 * they say. `UPDATE=1` writes what they say now.
 *
 *   # a comment
 *   proxy welcome waiting; certificate; stop    what the proxy does on the next connection
 *   $ --server=SERVER …                         the arguments
 *   out: … / err: …                             each line on stdout and stderr
 *   exit: 0
 *   files: …                                    what is in the person's folder afterwards
 *
 * WORK, SERVER, PORT and TOKEN stand for values that differ from run to run.
 */
import assert from "node:assert/strict";
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { systemClock } from "@teleport-access/daemon";
import type { Clock } from "@teleport-access/daemon";
import { startFakeProxy } from "./fake-proxy.ts";
import { runProgram } from "./run.ts";

const TOKEN = `tah_${"k".repeat(43)}`;
const FOLDER = fileURLToPath(new URL("./testdata/", import.meta.url));
const FILES = globSync("*.txt", { cwd: FOLDER }).toSorted();
const proxy = await startFakeProxy();
const PORT = `:${new URL(proxy.origin).port}`;
after(() => proxy.close());

/** Faster than time itself: fifteen seconds of patience are half a second, enough for TLS on a busy machine. */
const SPEED = 30;
const fastClock: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * SPEED,
  setTimer: (ms, fn) => systemClock.setTimer(ms / SPEED, fn),
};

/** Runs one command; everything it said, as a transcript has it. */
async function run(args: readonly string[], work: string): Promise<string[]> {
  const lines: string[] = [];
  function say(stream: string, text: string): void {
    for (const line of text.replace(/\n$/, "").split("\n")) {
      const steady = line
        .replaceAll(work, "WORK")
        .replaceAll(proxy.origin, "SERVER")
        .replace(/localhost_\d+/, "PROXY")
        .replace(PORT, ":PORT");
      const next = `${stream}: ${steady.replace(/trying again in \d+ s/, "trying again in N s")}`.trimEnd();
      // How often it tries in its fifteen seconds is up to the machine.
      if (lines.at(-1) !== next || !next.includes("trying again")) lines.push(next);
    }
  }
  const stop = new AbortController();
  proxy.onStop = () => {
    // It has read what was sent before; now it acts on it.
    setTimeout(() => {
      stop.abort();
    }, 50);
  };
  const code = await runProgram(args, {
    output: {
      stdout: (text) => {
        say("out", text);
      },
      stderr: (text) => {
        say("err", text);
      },
    },
    home: work,
    stateDir: join(work, "state"),
    clock: fastClock,
    signal: stop.signal,
    random: () => 0.5,
  });
  const files = globSync("**/*", { cwd: work, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(work.length + 1))
    .map((name) => name.replace(/[^/]+_\d+/, "PROXY"))
    .toSorted();
  return [...lines, `exit: ${code}`, `files: ${[...new Set(files)].join(" ")}`];
}

/** A person's folder as transcripts find it. */
function newWork(): string {
  const work = mkdtempSync(join(tmpdir(), "teleport-kh-"));
  for (const name of ["id_ed25519", "id_ed25519.pub", "tls.crt"])
    cpSync(join(FOLDER, name), join(work, name));
  writeFileSync(join(work, "notes"), "not a key\n");
  writeFileSync(join(work, "token"), `${TOKEN}\n`);
  mkdirSync(join(work, "folder"));
  return work;
}

async function replay(text: string): Promise<string> {
  const work = newWork();
  const lines: string[] = [];
  try {
    for (const line of text.split("\n")) {
      if (/^(out|err|exit|files): ?/.test(line)) continue;
      lines.push(line);
      if (line.startsWith("proxy ")) {
        proxy.scripts = line
          .slice("proxy ".length)
          .split(" | ")
          .map((script) => script.split(";").map((step) => step.trim()));
      }
      if (!line.startsWith("$")) continue;
      const words = line
        .slice(1)
        .trim()
        .split(/\s+/)
        .filter((word) => word !== "");
      const args = words.map((word) =>
        word
          .replaceAll("WORK", work)
          .replaceAll("SERVER", proxy.origin)
          .replaceAll("TOKEN", TOKEN)
          .replace(":PORT", PORT),
      );
      lines.push(...(await run(args, work)));
    }
    return lines.join("\n");
  } finally {
    rmSync(work, { recursive: true });
  }
}

for (const file of FILES) {
  test(`teleport-key-helper does what ${basename(file)} says`, async () => {
    const path = join(FOLDER, file);
    const want = readFileSync(path, "utf8");
    const have = await replay(want);
    if (process.env["UPDATE"] === "1") writeFileSync(path, have);
    else assert.equal(have, want);
    assert.ok(!have.includes(TOKEN), "a token was printed");
  });
}
