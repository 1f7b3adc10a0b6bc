/** What is mounted into a proxy's pod, as values that a test changes. */
import type { KeyObject } from "node:crypto";
import type { MountedFiles } from "@teleport-access/proxy";
import { publicKeyOf } from "@teleport-access/sshcert";
import type { SshPublicKey } from "@teleport-access/sshcert";

/** Mounted files that a test changes. */
export interface Mounted<T> extends MountedFiles<T> {
  set(value: T): void;
}

/** Files whose content is `first` until it is set. */
export function mounted<T>(first: T): Mounted<T> {
  let current = first;
  const listeners = new Set<(value: T) => void>();
  return {
    current: () => current,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => undefined,
    set: (value) => {
      current = value;
      for (const listener of listeners) listener(value);
    },
  };
}

/** A user CA of one key. */
export function caKeysOf(active: KeyObject): { active: KeyObject; publicKeys: SshPublicKey[] } {
  return { active, publicKeys: [publicKeyOf(active)] };
}
