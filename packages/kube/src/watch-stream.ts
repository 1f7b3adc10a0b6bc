/**
 * The format of a watch: one JSON object a line (API concepts, "Efficient
 * detection of changes"). Anything else ends the stream; nothing is skipped,
 * because a skipped line may be a revocation.
 */
import type { KubeObject } from "@teleport-access/crd";
import { errorOfStatus, KubeError, type StatusBody } from "./errors.ts";

/** One line of a watch. */
export type WatchEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  /** Nothing changed up to this version. */
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

/** Longest line: etcd's largest object (1.5 MiB) with room for escapes. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;

const NEWLINE = 0x0a;

/** Cuts a byte stream into lines, however it was cut into chunks. */
export class LineSplitter {
  #parts: Buffer[] = [];
  #size = 0;

  /** The lines that `chunk` completes. Throws KUBE_PROTOCOL when a line gets too long. */
  *push(chunk: Buffer): Generator<string, void> {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      const line = Buffer.concat([...this.#parts, chunk.subarray(from, at)]).toString("utf8");
      this.#parts = [];
      this.#size = 0;
      from = at + 1;
      if (line.trim() !== "") yield line;
    }
    if (from === chunk.length) return;
    this.#size += chunk.length - from;
    if (this.#size > MAX_LINE_BYTES) {
      throw new KubeError("KUBE_PROTOCOL", `watch: a line is longer than ${MAX_LINE_BYTES} bytes`);
    }
    this.#parts.push(chunk.subarray(from));
  }
}

/** Reads one line. Throws the KubeError that an ERROR event stands for, or KUBE_PROTOCOL. */
export function parseWatchLine<T extends KubeObject>(line: string, what: string): WatchEvent<T> {
  let value: { readonly type?: unknown; readonly object?: unknown } | null;
  try {
    value = JSON.parse(line) as typeof value;
  } catch (cause) {
    throw new KubeError("KUBE_PROTOCOL", `${what}: a line is not JSON`, { cause });
  }
  const object = value?.object;
  if (typeof object !== "object" || object === null) {
    throw new KubeError("KUBE_PROTOCOL", `${what}: an event has no object`);
  }
  if (value?.type === "ERROR") {
    const status = object as StatusBody;
    throw errorOfStatus(what, status.code ?? 500, status);
  }
  return eventOf<T>(value?.type, object as T, what);
}

function eventOf<T extends KubeObject>(type: unknown, object: T, what: string): WatchEvent<T> {
  // The fields are read from the network: the types of KubeObject are what we still have to see.
  const metadata = (object as { readonly metadata?: Partial<T["metadata"]> }).metadata;
  const resourceVersion = metadata?.resourceVersion;
  if (typeof resourceVersion !== "string" || resourceVersion === "") {
    throw new KubeError("KUBE_PROTOCOL", `${what}: an event has no resourceVersion`);
  }
  if (type === "BOOKMARK") return { type, resourceVersion };
  if (type !== "ADDED" && type !== "MODIFIED" && type !== "DELETED") {
    throw new KubeError("KUBE_PROTOCOL", `${what}: unknown event type ${JSON.stringify(type)}`);
  }
  if (typeof metadata?.name !== "string") {
    throw new KubeError("KUBE_PROTOCOL", `${what}: an event's object has no name`);
  }
  return { type, object };
}
