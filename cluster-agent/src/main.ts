/**
 * The cluster agent's program: wires the parts, and ends in order.
 */
import {
  createCloserStack,
  createLogger,
  errorFields,
  onShutdown,
  systemClock,
} from "@teleport-access/daemon";
import type { CloserStack, Logger } from "@teleport-access/daemon";
import { connect } from "@teleport-access/kube";
import type { KubeClient } from "@teleport-access/kube";
import { startSsh2 } from "@teleport-access/ssh";

import { startAgent } from "./agent.ts";
import type { Agent } from "./agent.ts";
import { readEnvironment } from "./config.ts";
import type { Environment } from "./config.ts";
import { startConfiguration } from "./configuration.ts";
import { readHostIdentity, sameCertificate } from "./host-identity.ts";
import type { HostIdentity } from "./host-identity.ts";
import { Reporter } from "./reporter.ts";
import { startStatusFiles } from "./status-files.ts";

/** Below Kubernetes' default of 30 s, so that the last report is still written. */
const DRAIN_MS = 25_000;
const GRACE_MS = 28_000;
/** How often the mounted certificate is looked at; it lives for days. */
const IDENTITY_LOOK_MS = 10_000;

async function main(log: Logger): Promise<void> {
  const environment = readEnvironment();
  log.info("agent starts", { ...(await startSsh2()), pod: environment.podName });
  const client = await connectApi(environment, log);
  const closers = createCloserStack();
  const agent = run({ environment, client, closers, log });
  onShutdown(
    async (signal) => {
      log.info("agent drains", { signal });
      await agent.drain(DRAIN_MS);
      await closers.close();
      log.info("agent ends");
    },
    { graceMs: GRACE_MS },
  );
}

/** Undefined when the API is not wanted or not to be had: the mounted files are enough to work. */
async function connectApi(environment: Environment, log: Logger): Promise<KubeClient | undefined> {
  if (environment.configMap === undefined && environment.reportConfigMap === undefined) return undefined;
  try {
    return await connect({ kind: "in-cluster" }, { userAgent: "teleport-access-agent" });
  } catch (error) {
    log.warn("no API server, working from files alone", errorFields(error));
    return undefined;
  }
}

interface Parts {
  readonly environment: Environment;
  readonly client: KubeClient | undefined;
  readonly closers: CloserStack;
  readonly log: Logger;
}

/** Wires the parts; `closers` ends them. */
function run({ environment, client, closers, log }: Parts): Agent {
  const { namespace, podName, configMap, reportConfigMap, hostFolder } = environment;
  const files = startStatusFiles(environment.runFolder, systemClock);
  const configuration = startConfiguration({
    file: environment.configFile,
    clock: systemClock,
    log,
    changed: (config) => {
      agent.reconfigure(config);
    },
    ...(client === undefined || configMap === undefined
      ? {}
      : { watch: { client, namespace, name: configMap } }),
  });
  const { cluster } = configuration.current;
  let identity = readHostIdentity(hostFolder, cluster, new Date());
  const reporter =
    client === undefined || reportConfigMap === undefined
      ? undefined
      : new Reporter({
          client,
          namespace,
          name: reportConfigMap,
          podName,
          report: () => agent.report(),
          clock: systemClock,
          log,
        });
  const agent = startAgent({
    config: configuration.current,
    identity,
    podName,
    apiServer: environment.apiServerHost === undefined ? [] : [environment.apiServerHost],
    log,
    changed: () => {
      // The first tunnels may change something while the agent is still being made.
      setImmediate(() => {
        files.setReady(agent.notReady().length === 0);
        reporter?.changed();
      });
    },
  });
  const look = setInterval(() => {
    const found = lookAtIdentity(hostFolder, cluster, log);
    if (found === undefined || sameCertificate(found.certificate, identity.certificate)) return;
    identity = found;
    log.info("host certificate renewed", { serial: found.certificate.serial });
    agent.renew(found);
  }, IDENTITY_LOOK_MS);
  reporter?.changed();
  closers.push(() => {
    files.close();
    clearInterval(look);
    configuration.close();
  });
  if (reporter !== undefined) closers.push(reporter);
  return agent;
}

/** Undefined, with a warning, while the files are not good: they are being replaced, or somebody should look. */
function lookAtIdentity(folder: string, cluster: string, log: Logger): HostIdentity | undefined {
  try {
    return readHostIdentity(folder, cluster, new Date());
  } catch (error) {
    log.warn("host certificate is not usable, keeping the last good one", errorFields(error));
    return undefined;
  }
}

const log = createLogger({ program: "cluster-agent" });
try {
  await main(log);
} catch (error) {
  log.error("agent cannot start", errorFields(error));
  process.exitCode = 1;
  // Timers of parts that did start must not keep it running.
  process.exit();
}
