/**
 * Hashing and checking passwords: argon2id, off the event loop, in a bounded
 * queue. The only caller of the argon2 library (lint holds that).
 *
 * A check costs about 11 ms of one core and 19 MiB, which a stranger can ask for
 * as often as the network carries: so few run at once, few wait, and the rest is
 * turned away before any work is done.
 */
import { randomBytes } from "node:crypto";
import { hash, verify } from "@node-rs/argon2";
import { lowerWorkers } from "./worker-priority.ts";

/** OWASP's first recommendation for argon2id: 19 MiB, 2 passes, 1 lane. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** Fewer characters than this are guessed offline in days, should the hashes ever leak. */
export const MIN_PASSWORD_LENGTH = 12;
/** Above this a password is not a person's; sshd's CVE-2026-123158 began at 256. */
export const MAX_PASSWORD_LENGTH = 200;

/** Hashes that run at the same time: half of libuv's four threads, so that DNS and files keep theirs. */
const MAX_RUNNING = 2;
/** Hashes that wait: about a third of a second of work, after which an answer would be late anyway. */
const MAX_WAITING = 64;

/** The answer of a queue that is full. */
export const BUSY: unique symbol = Symbol("busy");

/** Checks and hashes passwords; made once per process. */
export interface Passwords {
  /** Whether the queue is full, so that a check would be turned away now. */
  busy(): boolean;
  /** The PHC string to store. */
  hash(password: string): Promise<string | typeof BUSY>;
  /**
   * Whether `password` belongs to the PHC string `stored`. With nothing stored
   * (unknown user) the same work is done on a hash nobody knows the password of,
   * and the answer is false. An unreadable hash is false too, never an error.
   */
  verify(stored: string | undefined, password: string): Promise<boolean | typeof BUSY>;
}

/** How many hashes may run and wait. */
export interface PasswordLimits {
  readonly running: number;
  readonly waiting: number;
}

/** Makes the process's password checker; hashes once, for the unknown users. */
export async function createPasswords(
  limits: PasswordLimits = { running: MAX_RUNNING, waiting: MAX_WAITING },
): Promise<Passwords> {
  const nobody = await hash(randomBytes(32).toString("base64"), PARAMETERS);
  // The first job of the pool has made its threads.
  lowerWorkers();
  const queue = boundedQueue(limits);
  return {
    busy: () => queue.full(),
    hash: (password) => queue.run(() => hash(password, PARAMETERS)),
    verify: (stored, password) =>
      queue.run(async () => {
        const known = stored?.startsWith("$argon2id$") === true;
        // Empty is never right, and beyond the bound nothing was ever stored.
        const possible = password !== "" && password.length <= 2 * MAX_PASSWORD_LENGTH;
        const good = await verifyOrFalse(known ? stored : nobody, possible ? password : "x");
        return good && known && possible;
      }),
  };
}

/** Why a password cannot be chosen, as a sentence for the person; undefined when it can. */
export function passwordProblem(password: string): string | undefined {
  const { length } = password;
  if (length < MIN_PASSWORD_LENGTH) return `Use at least ${MIN_PASSWORD_LENGTH} characters.`;
  if (length > MAX_PASSWORD_LENGTH) return `Use at most ${MAX_PASSWORD_LENGTH} characters.`;
  if (new Set(password).size < 4) return "Use more than a few different characters.";
  return undefined;
}

async function verifyOrFalse(stored: string, password: string): Promise<boolean> {
  try {
    return await verify(stored, password);
  } catch {
    // A hash that cannot be read must refuse, not answer 500 for this user only.
    return false;
  }
}

interface BoundedQueue {
  full(): boolean;
  run<T>(job: () => Promise<T>): Promise<T | typeof BUSY>;
}

/** Runs at most `running` jobs at once, lets `waiting` more wait in order, answers BUSY to the rest. */
function boundedQueue(limits: PasswordLimits): BoundedQueue {
  let running = 0;
  const waiting: (() => void)[] = [];
  function full(): boolean {
    return running >= limits.running && waiting.length >= limits.waiting;
  }
  return {
    full,
    async run(job) {
      if (full()) return BUSY;
      if (running >= limits.running) await new Promise<void>((resolve) => waiting.push(resolve));
      else running += 1;
      try {
        return await job();
      } finally {
        // The place passes to the next in line; it is given up only when nobody waits.
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}
