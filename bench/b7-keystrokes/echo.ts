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
  await whenSaid(child, READY);
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

/** Resolves when a session has printed a word; rejects when it ends or stays silent. */
export function whenSaid(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    const timer = setTimeout(() => {
      reject(new Error(`bench: a session did not say "${word}": ${said}`));
    }, LONGEST_MS);
    child.stdout?.on("data", function look(chunk: Buffer) {
      said += chunk.toString();
      if (!said.includes(word)) return;
      clearTimeout(timer);
      child.stdout?.off("data", look);
      resolve();
    });
    child.on("exit", () => {
      clearTimeout(timer);
      reject(new Error(`bench: a session ended before it said "${word}": ${said}`));
    });
  });
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
