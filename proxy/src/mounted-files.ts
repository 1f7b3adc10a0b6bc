/**
 * Files in a directory that Kubernetes mounts from a Secret or ConfigMap, read again when they change. The
 * kubelet replaces all of them at once by swinging the `..data` symlink, which
 * inotify on the files themselves never sees: the directory is looked at every two seconds instead.
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { errorFields } from "@teleport-access/daemon";
import type { Clock, Logger, Timer } from "@teleport-access/daemon";

/** Often enough that a rotation's overlap is not noticed; three stat calls cost nothing. */
const POLL_MS = 2000;

/** What is mounted, parsed. */
export interface MountedFiles<T> {
  /** The last good content. */
  current(): T;
  /** Called after the content has changed for good; returns how to stop. */
  onChange(listener: (value: T) => void): () => void;
  close(): void;
}

/** What to read. */
export interface MountedFilesOptions<T, N extends string> {
  readonly directory: string;
  readonly names: readonly N[];
  /** Throws when the files do not fit together: the last good content then stays. */
  parse(texts: Readonly<Record<N, string>>): T;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Reads the files now (and throws when that fails), then keeps looking. */
export function watchMountedFiles<T, N extends string>(options: MountedFilesOptions<T, N>): MountedFiles<T> {
  return new Mounted(options);
}

class Mounted<T, N extends string> implements MountedFiles<T> {
  readonly #options: MountedFilesOptions<T, N>;
  readonly #listeners = new Set<(value: T) => void>();
  #stamp: string;
  #value: T;
  #timer: Timer;

  constructor(options: MountedFilesOptions<T, N>) {
    this.#options = options;
    this.#stamp = this.#look();
    this.#value = this.#read();
    this.#timer = this.#schedule();
  }

  current(): T {
    return this.#value;
  }

  onChange(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#timer.cancel();
  }

  #schedule(): Timer {
    return this.#options.clock.setTimer(POLL_MS, () => {
      this.#poll();
      this.#timer = this.#schedule();
    });
  }

  #poll(): void {
    const { directory, log } = this.#options;
    try {
      const stamp = this.#look();
      if (stamp === this.#stamp) return;
      this.#value = this.#read();
      this.#stamp = stamp;
    } catch (error) {
      log.warn("mounted files are not usable, the last good ones stay in force", {
        directory,
        ...errorFields(error),
      });
      return;
    }
    log.info("mounted files reloaded", { directory });
    for (const listener of this.#listeners) listener(this.#value);
  }

  /** Changes whenever a file does: stat follows the symlinks that the kubelet swings. */
  #look(): string {
    return this.#options.names
      .map((name) => {
        const { mtimeMs, ino, size } = statSync(join(this.#options.directory, name));
        return `${ino}/${mtimeMs}/${size}`;
      })
      .join(" ");
  }

  #read(): T {
    const { directory, names } = this.#options;
    const entries = names.map((name) => [name, readFileSync(join(directory, name), "utf8")] as const);
    return this.#options.parse(Object.fromEntries(entries) as Record<N, string>);
  }
}
