/** One person typing: a pty in raw mode, a `cat` behind it, one byte at a time. */
import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { BenchClient } from "../lab/ssh-client.ts";

export interface Echo {
  /** Types `count` keys, one after the other; milliseconds until each came back. */
  type(count: number): Promise<number[]>;
  stop(): void;
}

/** Quick typing; long enough that each key finds the connection idle. */
const PAUSE_MS = 12;
const LONGEST_MS = 20_000;
const READY = "ready-to-type";

/** Opens a session over a way; resolves when the first key would be echoed. */
export async function startEcho(client: BenchClient, way: string): Promise<Echo> {
  const child = client.start(["-tt"], way, `stty raw -echo; echo ${READY}; exec cat`);
  await new Promise<void>((resolve, reject) => {
    let said = "";
    child.stdout?.on("data", function look(chunk: Buffer) {
      said += chunk.toString();
      if (!said.includes(READY)) return;
      child.stdout?.off("data", look);
      resolve();
    });
    child.on("exit", () => {
      reject(new Error(`bench: the session over ${way} ended: ${said}`));
    });
  });
  await sleep(100);
  return {
    async type(count) {
      const milliseconds: number[] = [];
      for (let key = 0; key < count; key += 1) {
        milliseconds.push(await oneKey(child));
        await sleep(PAUSE_MS * (0.5 + Math.random()));
      }
      return milliseconds;
    },
    stop: () => child.kill("SIGKILL"),
  };
}

function oneKey(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error("bench: a key was not echoed"));
    }, LONGEST_MS);
    child.stdout?.once("data", () => {
      clearTimeout(timer);
      resolve(performance.now() - from);
    });
    const from = performance.now();
    child.stdin?.write("k");
  });
}
