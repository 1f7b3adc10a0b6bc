/**
 * How long after an object is deleted a live ssh session ends. The clock is
 * this process's: the API server's acknowledgement is the moment kubectl reports
 * the DELETE's response, the last byte the moment the session's last output
 * arrives here. Both are late by a pipe's delay.
 */
import { readFileSync, writeFileSync } from "node:fs";
import type { RunningCommand } from "./command.ts";
import type { Kubectl } from "./kubectl.ts";

export interface RevocationTimes {
  /** From the API server's acknowledgement to the last byte of the session; below 0: it came first. */
  readonly ackToLastByteMs: number;
  /** From the acknowledgement to the end of the ssh process. */
  readonly ackToEndMs: number;
  /** From the start of the kubectl command to the end of the ssh process. */
  readonly commandToEndMs: number;
}

export interface Revocation {
  readonly namespace: string;
  /** What is deleted, as kubectl names it. */
  readonly object: string;
  /** The session that must end. */
  readonly session: RunningCommand;
  /** @default 10_000 */
  readonly deadlineMs?: number;
}

/** Deletes the object and waits for the session's end. */
export async function revokeAndMeasure(
  kubectl: Kubectl,
  { namespace, object, session, deadlineMs = 10_000 }: Revocation,
): Promise<RevocationTimes> {
  const start = performance.now();
  const deletion = kubectl.hold(["-n", namespace, "delete", object, "-v=6"]);
  await deletion.waitFor(/DELETE.*\b200\b/, 30_000);
  const acknowledged = performance.now();
  const timer = setTimeout(() => session.child.kill("SIGKILL"), deadlineMs);
  await session.exited;
  clearTimeout(timer);
  await deletion.exited;
  const end = session.exitedAt() ?? Number.NaN;
  if (end - acknowledged >= deadlineMs)
    throw new Error(`the session lived on for ${deadlineMs / 1000} s after ${object} was deleted`);
  return {
    ackToLastByteMs: (session.lastOutputAt() ?? start) - acknowledged,
    ackToEndMs: end - acknowledged,
    commandToEndMs: end - start,
  };
}

/** A copy of an ssh_config that goes on using a certificate after the key-helper removed it. */
export function keepCertificate(configPath: string, certificatePath: string, suffix: string): string {
  const copy = `${certificatePath}.${suffix}`;
  writeFileSync(copy, readFileSync(certificatePath));
  const config = `${configPath}.${suffix}`;
  writeFileSync(config, readFileSync(configPath, "utf8").replaceAll(certificatePath, copy));
  return config;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
