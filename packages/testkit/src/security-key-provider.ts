/**
 * Lets stock ssh sign with a security key of software: a SecurityKeyProvider
 * (security-key-provider.c, compiled on the spot) that asks this process.
 */
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";

import { SshWriter } from "@teleport-access/sshcert";

import { runProgram } from "./openssh.ts";
import type { OpenSsh, TestFolder } from "./openssh.ts";
import type { Gesture, SecurityKey } from "./security-key.ts";

export interface SecurityKeyProvider {
  /** What ssh needs in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The value of ssh's option SecurityKeyProvider. */
  readonly library: string;
  /** What the owner does from now on. */
  gesture: Gesture;
  stop(): Promise<void>;
}

const SOURCE = fileURLToPath(new URL("security-key-provider.c", import.meta.url));

/** SSH_SK_VERSION_MAJOR of sk-api.h, the same from OpenSSH 8.9 to 10.6. */
const API_VERSION = "0x000a0000";

/** Serves one key to the ssh of one installation. */
export async function startSecurityKeyProvider(
  openSsh: OpenSsh,
  folder: TestFolder,
  key: SecurityKey,
): Promise<SecurityKeyProvider> {
  const name = `sk-${key.algorithm}-${openSsh.version}`;
  const library = folder.file(`${name}.so`);
  const version = `-DSK_API_VERSION=${API_VERSION}`;
  const compiled = await runProgram("gcc", ["-shared", "-fPIC", "-O1", version, "-o", library, SOURCE]);
  if (compiled.status !== 0) throw new Error(`gcc: ${compiled.stderr}`);
  const socket = folder.file(`${name}.sock`);
  const provider = {
    env: { SECURITY_KEY_SOCKET: socket, ...openSsh.securityKeyEnv },
    library,
    gesture: {} as Gesture,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      }),
  };
  const server = createServer((connection) => {
    answer(connection, key, () => provider.gesture);
  });
  await new Promise<void>((resolve) => {
    server.listen(socket, resolve);
  });
  return provider;
}

function answer(connection: Socket, key: SecurityKey, gesture: () => Gesture): void {
  let received = Buffer.alloc(0);
  connection.on("error", () => undefined);
  connection.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < 5 || received.length < 5 + received.readUInt32BE(0)) return;
    const { flags, counter, signature } = key.assert(received.subarray(5), gesture());
    connection.end(new SshWriter().u8(1).u8(flags).u32(counter).raw(signature).done());
  });
}
