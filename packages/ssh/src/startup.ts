/** What a program calls before anything else of this package. */
import { setFlagsFromString } from "node:v8";

import { ssh2 } from "./internals.ts";
import { PINNED_VERSION } from "./pinned-files.ts";
import { selfTest } from "./self-test.ts";

/** What was found, for the start-up log line. */
export interface Ssh2Facts {
  readonly version: string;
  readonly nativeCrypto: boolean;
}

/** Asserts version, digests and native crypto, and runs the self-test: about 30 ms. @throws SshStartupError. */
export async function startSsh2(): Promise<Ssh2Facts> {
  // Buffers would otherwise start a full collection every few milliseconds: a third of the CPU that a byte costs.
  setFlagsFromString("--external-memory-accounted-in-global-limit");
  const { ready, nativeCrypto } = ssh2();
  await ready;
  await selfTest();
  return { version: PINNED_VERSION, nativeCrypto };
}
