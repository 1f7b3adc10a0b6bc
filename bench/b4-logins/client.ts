/**
 * Logs in many times, some at once, and hangs up after each: one key exchange,
 * one certificate, no channel.
 *
 *   node bench/b4-logins/client.ts <orders>     waits for "go", prints { seconds, milliseconds } and waits again
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { connectSsh, startSsh2 } from "@teleport-access/ssh";
import type { SshPublicKey } from "@teleport-access/sshcert";
import type { Identity } from "../lab/estate.ts";
import { dialFrom, identityOf, keyOf } from "../lab/load.ts";
import type { IdentityText } from "../lab/load.ts";

export interface LoginOrders {
  readonly user: string;
  readonly identity: IdentityText;
  readonly hostKey: string;
  readonly parallel: number;
}

/** What "go" asks for: `go <port> <count>`. */
export interface LoginResult {
  readonly seconds: number;
  readonly milliseconds: readonly number[];
}

const LOGIN_MS = 30_000;

/** The orders, read once. */
interface Person {
  readonly user: string;
  readonly identity: Identity;
  readonly hostKeyPins: readonly SshPublicKey[];
  readonly timeoutMs: number;
}

async function loginOnce(person: Person, port: number, serial: number): Promise<number> {
  const from = performance.now();
  const connection = await connectSsh({
    host: "127.0.0.1",
    port,
    transport: await dialFrom(serial, port),
    ...person,
  });
  const took = performance.now() - from;
  const closed = new Promise<void>((resolve) => {
    connection.onClose(() => {
      resolve();
    });
  });
  connection.end("done");
  await closed;
  return took;
}

async function loginMany(orders: LoginOrders, port: number, count: number): Promise<LoginResult> {
  const milliseconds: number[] = [];
  const person: Person = {
    user: orders.user,
    identity: identityOf(orders.identity),
    hostKeyPins: [keyOf(orders.hostKey)],
    timeoutMs: LOGIN_MS,
  };
  let started = 0;
  async function one(lane: number): Promise<void> {
    while (started < count) {
      started += 1;
      milliseconds.push(await loginOnce(person, port, lane));
    }
  }
  const from = performance.now();
  await Promise.all(Array.from({ length: orders.parallel }, (_, lane) => one(lane)));
  return { seconds: (performance.now() - from) / 1000, milliseconds };
}

if (import.meta.main) {
  await startSsh2();
  const orders = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as LoginOrders;
  for await (const line of createInterface({ input: process.stdin })) {
    const [, port, count] = line.split(" ").map(Number);
    console.log(JSON.stringify(await loginMany(orders, port ?? 0, count ?? 0)));
  }
}
