/**
 * Waiting for the proxy's own watch to bring back what was just written through
 * the API, so that the next request (or the key-helper) finds it.
 */
import type { Clock } from "@teleport-access/daemon";
import type { AccessStore } from "../acl/store.ts";

/** The first answer of `look` that is not undefined, asked now and after each change; undefined after `ms`. */
export function untilStore<T>(
  store: Pick<AccessStore, "onChange">,
  clock: Clock,
  ms: number,
  look: () => T | undefined,
): Promise<T | undefined> {
  const found = look();
  if (found !== undefined) return Promise.resolve(found);
  return new Promise((resolve) => {
    function finish(value: T | undefined): void {
      timer.cancel();
      stop();
      resolve(value);
    }
    const timer = clock.setTimer(ms, () => {
      finish(undefined);
    });
    const stop = store.onChange(() => {
      const value = look();
      if (value !== undefined) finish(value);
    });
  });
}
