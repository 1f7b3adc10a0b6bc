/** An operator on an API server in this process. */
import { createLogger, createMetrics } from "@teleport-access/daemon";
import { connect, type KubeClient } from "@teleport-access/kube";
import { FakeApiServer, until, type StoredObject } from "@teleport-access/testkit";
import { parse } from "yaml";
import { withCrdDefaults } from "./crd-defaults-fixture.test.ts";
import { createOperatorMetrics } from "./metrics.ts";
import type { KubernetesObject } from "./objects.ts";
import { startOperator, type RunningOperator } from "./operator.ts";

export interface Bench extends AsyncDisposable {
  readonly server: FakeApiServer;
  /** Stores an object given as YAML, as `kubectl apply` would. */
  put(yaml: string): StoredObject;
  /** Waits until a condition has a reason; fails with what it has otherwise. */
  condition(kind: string, place: string, type: string, reason: string): Promise<void>;
  /** Waits until there is (or is no) such object. */
  exists(kind: string, place: string): Promise<StoredObject>;
  gone(kind: string, place: string): Promise<void>;
  /** Resolves when the operator has had nothing to write for a while. */
  quiet(): Promise<void>;
  /** Requests that changed something, since the start. */
  writes(): number;
  restart(): Promise<void>;
}

const IMAGE = { image: "x", pullPolicy: "IfNotPresent" } as const;
const DEADLINE = { deadlineMs: 5_000, everyMs: 5 };

function start(client: KubeClient): RunningOperator {
  return startOperator({
    client,
    log: createLogger({ program: "operator", level: "silent" }),
    metrics: createOperatorMetrics(createMetrics("operator")),
    instance: "operator-0",
    namespaces: [],
    proxyImage: IMAGE,
    agentImage: IMAGE,
  });
}

export async function startBench(): Promise<Bench> {
  const server = await FakeApiServer.start();
  const client = await connect({ kind: "direct", connection: { server: server.url } });
  let writes = 0;
  server.objects.subscribe(() => {
    writes++;
  });
  let operator = start(client);
  function get(kind: string, place: string): StoredObject | undefined {
    const [namespace, name = ""] = place.split("/");
    return server.get(kind, namespace, name);
  }
  return {
    server,
    writes: () => writes,
    put: (yaml) => server.set(withCrdDefaults(parse(yaml) as KubernetesObject)),
    async condition(kind, place, type, reason) {
      let found = "";
      await until(
        `${kind} ${place} ${type} ${reason}`,
        () => {
          const { status } = (get(kind, place) ?? {}) as {
            status?: { conditions?: { type: string; reason: string }[] };
          };
          found = status?.conditions?.find((c) => c.type === type)?.reason ?? "";
          return found === reason;
        },
        DEADLINE,
      ).catch((cause: unknown) => {
        throw new Error(`${kind} ${place}: ${type} is ${found}, not ${reason}`, { cause });
      });
    },
    exists: (kind, place) => until(`${kind} ${place}`, () => get(kind, place), DEADLINE),
    async gone(kind, place) {
      await until(`no ${kind} ${place}`, () => get(kind, place) === undefined, DEADLINE);
    },
    async quiet() {
      let last = -1;
      let since = 0;
      await until(
        "quiet",
        () => {
          since = writes === last ? since + 1 : 0;
          last = writes;
          return since >= 12;
        },
        DEADLINE,
      );
    },
    async restart() {
      await operator.stop();
      operator = start(client);
    },
    async [Symbol.asyncDispose]() {
      await operator.stop();
      client.close();
      await server.close();
    },
  };
}
