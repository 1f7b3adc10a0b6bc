/**
 * What the tests of the watch share: a server, a watch on its grants, and all
 * that the watch did. It has no tests of its own.
 */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { createLogger } from "@teleport-access/daemon";
import type { Clock } from "@teleport-access/daemon";
import type { UserAccess } from "@teleport-access/crd";
import { FakeApiServer, userAccess, type FakeStream } from "@teleport-access/testkit";
import type { KubeClient } from "./client.ts";
import { connect } from "./connect.ts";
import type { Change } from "./object-store.ts";
import { customResource, type ResourceRef } from "./resources.ts";
import { watchResource, type Watch, type WatchOptions } from "./watch.ts";

export const grants: ResourceRef<UserAccess> = customResource("useraccesses");
const FAST = { initialMs: 1, maxMs: 4 };

export function grant(name: string, login = "deploy"): UserAccess {
  return userAccess({ name, spec: { logins: [login] } });
}

export interface Fixture extends AsyncDisposable {
  readonly server: FakeApiServer;
  readonly client: KubeClient;
  readonly watch: Watch<UserAccess>;
  /** Every batch delivered, as `type name`. */
  readonly batches: string[][];
  readonly proofs: number[];
  readonly log: string[];
  /** Resolves when `condition` holds after some step of the watch. */
  until(condition: () => boolean): Promise<void>;
}

export interface FixtureOptions {
  readonly prepare?: (server: FakeApiServer) => void;
  readonly watch?: Partial<WatchOptions<UserAccess>>;
  readonly clock?: Clock;
  readonly onChange?: (changes: readonly Change<UserAccess>[]) => void;
}

export async function start(options: FixtureOptions = {}): Promise<Fixture> {
  const server = await FakeApiServer.start();
  options.prepare?.(server);
  const client = await connect({ kind: "direct", connection: { server: server.url } });
  const steps = new EventEmitter();
  const batches: string[][] = [];
  const proofs: number[] = [];
  const log: string[] = [];
  const watch = watchResource(client, grants, {
    namespace: "acme",
    backoff: FAST,
    log: createLogger({
      program: "test",
      level: "debug",
      destination: { write: (line: string) => void log.push(line) },
    }),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...options.watch,
    onChange: (changes) => {
      batches.push(changes.map(({ type, object }) => `${type} ${object.metadata.name}`));
      setImmediate(() => steps.emit("step"));
      options.onChange?.(changes);
    },
    onSync: () => setImmediate(() => steps.emit("step")),
    onProof: (now) => {
      proofs.push(now);
      setImmediate(() => steps.emit("step"));
    },
  });
  return {
    server,
    client,
    watch,
    batches,
    proofs,
    log,
    async until(condition) {
      while (!condition()) await once(steps, "step");
    },
    async [Symbol.asyncDispose]() {
      watch.close();
      client.close();
      await server.close();
    },
  };
}

/** The watch is synced and its stream is open. */
export async function opened(fixture: Fixture): Promise<FakeStream> {
  await fixture.until(() => fixture.watch.synced && fixture.proofs.length >= 2);
  const [stream] = fixture.server.streams();
  assert.ok(stream);
  return stream;
}

/** The keys in the store, sorted. */
export function names(watch: Watch<UserAccess>): string[] {
  return [...watch.store.keys()].sort();
}

/** Lets what is on its way through the loopback arrive, until `condition` holds. */
export async function settled(condition: () => boolean): Promise<void> {
  const end = performance.now() + 5_000;
  while (!condition()) {
    assert.ok(performance.now() < end, `not within 5 s: ${condition.toString()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
