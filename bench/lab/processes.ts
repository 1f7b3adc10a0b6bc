/**
 * The programs of a setting: each in the CPU group of its part, its output in a
 * file, ended by its own number.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { openSync, closeSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { until } from "@teleport-access/testkit";
import type { CpuGroup } from "../measure/cpu.ts";
import { FOLDER } from "./sandbox.ts";

export interface ProcessOptions {
  /** Which log file; two processes of one name share it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly group: CpuGroup;
}

export interface BenchProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** What it has printed so far. */
  log(): string;
  /** SIGTERM (or another), and SIGKILL when that did not help. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const STOP_MS = 5_000;

/** Starts one. Like a pod's, its environment is what it is given and nothing else. */
export function startProcess({ name, command, args, env = {}, group }: ProcessOptions): BenchProcess {
  const file = `${FOLDER}/${name}.log`;
  const log = openSync(file, "a");
  const [program, wrapped] = group.wrap(command, args);
  const child = spawn(program, wrapped, {
    stdio: ["ignore", log, log],
    env: { PATH: process.env["PATH"] ?? "", HOME: FOLDER, LANG: "C", ...env },
  });
  closeSync(log);
  if (child.pid === undefined) throw new Error(`bench: cannot start ${command}`);
  group.add(child.pid);
  const ended = new Promise<void>((resolve) => {
    child.on("exit", () => {
      resolve();
    });
  });
  return {
    child,
    pid: child.pid,
    log: () => readFileSync(file, "utf8"),
    async stop(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Resolves once something listens on a port of the loopback. */
export async function whenListening(port: number, process?: BenchProcess): Promise<void> {
  await until(
    `port ${port}`,
    async () => {
      if (process !== undefined && process.child.exitCode !== null)
        throw new Error(`bench: it ended before it listened on ${port}: ${process.log().slice(-2000)}`);
      return await accepts(port);
    },
    { deadlineMs: 20_000, everyMs: 20 },
  );
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => {
      resolve(false);
    });
  });
}
