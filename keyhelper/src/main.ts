/**
 * teleport-key-helper: what it does is in run.ts; here it meets the process.
 */
import { homedir } from "node:os";
import { systemClock } from "@teleport-access/daemon";
import { defaultStateDir } from "./machine.ts";
import { runProgram } from "./run.ts";

const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  // Once: whoever asks a second time means it, and node's own handling ends the process.
  process.once(signal, () => {
    stop.abort();
  });
}
for (const stream of [process.stdout, process.stderr]) {
  // Whoever read our words is gone; the work goes on.
  stream.on("error", () => undefined);
}

const code = await runProgram(process.argv.slice(2), {
  output: {
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
  },
  home: homedir(),
  stateDir: defaultStateDir(homedir(), process.env["XDG_STATE_HOME"]),
  environment: process.env,
  clock: systemClock,
  signal: stop.signal,
});
process.exit(code);
