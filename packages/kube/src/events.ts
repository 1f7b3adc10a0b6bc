/**
 * Tells people what happened to an object: `kubectl describe` and `kubectl events`
 * show it. For transitions only; what is so now is a condition. Events are best effort:
 * one that cannot be written is dropped, and nothing waits for it.
 */
import { errorFields, systemClock } from "@teleport-access/daemon";
import type { Clock, Logger } from "@teleport-access/daemon";
import type { KubeObject } from "@teleport-access/crd";
import type { KubeClient } from "./client.ts";
import { RESOURCES } from "./resources.ts";
import { microTime } from "./time.ts";

/** What happened. */
export interface EventNote {
  readonly type: "Normal" | "Warning";
  /** One CamelCase word, the same for the same cause. */
  readonly reason: string;
  /** What we were doing, one CamelCase word. */
  readonly action: string;
  /** One sentence for people. No secrets. */
  readonly note: string;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** The program, such as teleport-access.io/operator. */
  readonly controller: string;
  /** The process, such as the pod's name. */
  readonly instance: string;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly random?: () => number;
}

export interface EventRecorder {
  /** Writes an event about an object that has been read from the API server. */
  record(object: KubeObject, event: EventNote): void;
  /** Resolves when every event is written or given up. */
  settled(): Promise<void>;
}

/** Longest note that the API server takes. */
const MAX_NOTE = 1024;
/** Events on their way at once; more are dropped: whoever floods people with events tells them nothing. */
const MAX_PENDING = 50;

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, log } = options;
  const pending = new Set<Promise<void>>();
  return {
    record(object, event) {
      if (pending.size >= MAX_PENDING) {
        log.warn("event dropped", { reason: event.reason, object: object.metadata.name });
        return;
      }
      const written = client.create(RESOURCES.events, draft(options, object, event)).then(
        () => undefined,
        (error: unknown) => {
          log.debug("event not written", { reason: event.reason, ...errorFields(error) });
        },
      );
      pending.add(written);
      void written.finally(() => pending.delete(written));
    },
    async settled() {
      await Promise.all(pending);
    },
  };
}

function draft(
  options: EventRecorderOptions,
  object: KubeObject,
  event: EventNote,
): KubeObject & Readonly<Record<string, unknown>> {
  const { controller, instance, clock = systemClock, random = Math.random } = options;
  const { name, namespace = "default", uid, resourceVersion } = object.metadata;
  // What client-go does: the object's name and something that does not repeat.
  const suffix = `${clock.now().toString(16)}${Math.floor(random() * 0xffff).toString(16)}`;
  return {
    metadata: { name: `${name.slice(0, 200)}.${suffix}`, namespace },
    eventTime: microTime(new Date(clock.now())),
    reportingController: controller,
    reportingInstance: instance.slice(0, 128),
    type: event.type,
    reason: event.reason,
    action: event.action,
    note: event.note.slice(0, MAX_NOTE),
    regarding: {
      apiVersion: object.apiVersion,
      kind: object.kind,
      namespace: object.metadata.namespace,
      name,
      uid,
      resourceVersion,
    },
  };
}
