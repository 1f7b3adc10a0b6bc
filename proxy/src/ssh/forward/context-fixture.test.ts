/**
 * What the unit tests of the forward form's way to a target share: alice's connection that names deploy@web-1.prod, and
 * an agent whose dials the test answers. It has no tests of its own.
 */
import { duplexPair } from "node:stream";
import type { Duplex } from "node:stream";
import type { SshChannel, SshConnection } from "@teleport-access/ssh";
import { createSessionRegistry } from "../../sessions/registry.ts";
import type { SessionRegistry } from "../../sessions/registry.ts";
import type { Tunnel } from "../../tunnel/registry.ts";
import type { Fixture } from "../../world-fixture.test.ts";
import { certificateOf, createFixture } from "../../world-fixture.test.ts";
import type { UserIdentity } from "../authenticate.ts";
import { ForwardContext } from "./context.ts";

/** One dial that an agent was asked for: the proxy's end of the way to the target, once `answer` has given it. */
export interface FakeDial {
  readonly near: Duplex;
  answer(): void;
  refuse(error: Error): void;
}

export interface ForwardFixture extends Fixture {
  readonly context: ForwardContext;
  readonly sessions: SessionRegistry;
  readonly dials: FakeDial[];
  /** How often the person's SSH agent was opened; it never answers. */
  agentsOpened: number;
  /** `event outcome reason` of the audit lines so far. */
  readonly story: () => string[];
}

/** Lets what was promised happen. */
export function turn(): Promise<void> {
  return new Promise(setImmediate);
}

export function createForwardFixture(): ForwardFixture {
  const fixture = createFixture();
  const { store, clock, log, audit, events } = fixture;
  const sessions = createSessionRegistry({
    world: (now) => store.world(now),
    ...{ clock, log },
    ended: ({ reason }) => {
      audit.record({ event: "session.end", outcome: "info", reason });
    },
  });
  store.onChange((cause) => sessions.judge(cause));
  const dials: FakeDial[] = [];
  const tunnel = {
    agent: "prod-agent-0",
    open: () => {
      const { promise, resolve, reject } = Promise.withResolvers<SshChannel>();
      const [near] = duplexPair();
      near.on("error", () => undefined);
      dials.push({
        near,
        answer: () => {
          resolve(near as unknown as SshChannel);
        },
        refuse: reject,
      });
      return promise;
    },
  } as unknown as Tunnel;
  const certificate = certificateOf();
  const source = "192.0.2.1";
  const made: { fixture?: ForwardFixture } = {};
  const connection = {
    ...{ id: "c-1", remoteAddress: source },
    identity: {
      ...{ user: "alice", certificate, source, grants: [] },
      request: { kind: "authenticate", identity: { by: "certificate", certificate }, source },
    },
    openChannel: () => {
      if (made.fixture !== undefined) made.fixture.agentsOpened += 1;
      return new Promise(() => undefined);
    },
  } as unknown as SshConnection<UserIdentity>;
  const target = { login: "deploy", host: "web-1", cluster: "prod", port: 22 };
  const context = new ForwardContext(connection, target, {
    ...{ store, sessions, audit, clock, log, maxSessionsPerUser: 50 },
    tunnels: {
      leastBusy: (_cluster, asked = []) => (asked.length === 0 ? tunnel : undefined),
    },
  });
  made.fixture = {
    ...{ ...fixture, context, sessions, dials, agentsOpened: 0 },
    story: () => events.map(({ event, outcome, reason = "" }) => `${event} ${outcome} ${reason}`.trim()),
  };
  return made.fixture;
}
