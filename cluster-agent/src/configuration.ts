/**
 * What the agent should do, from two copies of one ConfigMap: the watch, which is
 * quick, and the mounted file, which is there when the API server is not.
 *
 * The watch wins while it is fresh. A bad copy is reported and the last good one
 * kept: a slip in YAML must not cut a cluster off.
 */
import { readFileSync } from "node:fs";

import { errorFields, parseJson } from "@teleport-access/daemon";
import type { Clock, Logger, Timer } from "@teleport-access/daemon";
import { RESOURCES, watchResource } from "@teleport-access/kube";
import type { KubeClient, Watch } from "@teleport-access/kube";
import type { ConfigMap } from "@teleport-access/kube";
import { parseAgentConfig } from "@teleport-access/wire";
import type { AgentConfig } from "@teleport-access/wire";

export interface ConfigurationOptions {
  /** The mounted copy; read at the start and looked at while the watch is not fresh. */
  readonly file: string;
  /** Absent: the file alone counts. */
  readonly watch?: { readonly client: KubeClient; readonly namespace: string; readonly name: string };
  readonly clock: Clock;
  readonly log: Logger;
  /** A good configuration that differs from the last one. */
  readonly changed: (config: AgentConfig) => void;
}

export interface Configuration {
  /** What counts now. */
  readonly current: AgentConfig;
  close(): void;
}

const KEY = "config.json";
/** Reading a small file costs 50 µs; kubelet refreshes it within a second or a minute. */
const FILE_LOOK_MS = 2_000;
/** Without proof for so long, the watch counts as away and the file as newer. */
const MAX_STALENESS_MS = 60_000;

/** Reads the file and starts to watch. @throws ConfigError when the file is not good: there is nothing to fall back to yet */
export function startConfiguration(options: ConfigurationOptions): Configuration {
  return new LiveConfiguration(options);
}

class LiveConfiguration implements Configuration {
  readonly #options: ConfigurationOptions;
  readonly #watch: Watch<ConfigMap> | undefined;
  #current: AgentConfig;
  /** The text behind `current`. */
  #text: string;
  #fileText: string;
  #timer: Timer;

  constructor(options: ConfigurationOptions) {
    this.#options = options;
    this.#fileText = readFileSync(options.file, "utf8");
    this.#text = this.#fileText;
    this.#current = parseJson(this.#text, options.file, parseAgentConfig);
    this.#watch = this.#startWatch();
    this.#timer = this.#lookLater();
  }

  get current(): AgentConfig {
    return this.#current;
  }

  close(): void {
    this.#timer.cancel();
    this.#watch?.close();
  }

  #startWatch(): Watch<ConfigMap> | undefined {
    const { watch, clock, log } = this.#options;
    if (watch === undefined) return undefined;
    const { client, namespace, name } = watch;
    return watchResource(client, RESOURCES.configmaps, {
      namespace,
      // The agent may watch this one object; a watch by name is a field selector.
      fieldSelector: `metadata.name=${name}`,
      maxStalenessMs: MAX_STALENESS_MS,
      clock,
      log,
      onChange: (changes) => {
        for (const change of changes) {
          // A deleted ConfigMap is being replaced or its cluster is going: the tunnels stay until the pod goes.
          if (change.type !== "deleted") this.#take(change.object.data?.[KEY], `ConfigMap ${name}`);
        }
      },
    });
  }

  #lookLater(): Timer {
    return this.#options.clock.setTimer(FILE_LOOK_MS, () => {
      this.#lookAtFile();
      this.#timer = this.#lookLater();
    });
  }

  /** Only a file that has changed since we last looked is news: it may lag behind what the watch said. */
  #lookAtFile(): void {
    const { file, log, clock } = this.#options;
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (error) {
      log.warn("configuration file cannot be read", errorFields(error));
      return;
    }
    if (text === this.#fileText) return;
    this.#fileText = text;
    const fresh = this.#watch !== undefined && clock.now() - this.#watch.lastProof < MAX_STALENESS_MS;
    if (!fresh) this.#take(text, file);
  }

  #take(text: string | undefined, source: string): void {
    const { log, changed } = this.#options;
    if (text === undefined || text === this.#text) return;
    try {
      const config = parseJson(text, source, parseAgentConfig);
      if (config.cluster !== this.#current.cluster) {
        log.error("configuration names another cluster, kept the last good one", { source });
        return;
      }
      this.#text = text;
      this.#current = config;
      log.info("configuration changed", { source });
      changed(config);
    } catch (error) {
      log.error("configuration is not usable, kept the last good one", errorFields(error));
    }
  }
}
