/** The keys that the operator mounts, each read again when it changes. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { parsePrivateKey } from "@teleport-access/sshcert";
import type { HostKey } from "@teleport-access/ssh";
import type { Clock, Logger } from "@teleport-access/daemon";
import { parseCaKeys } from "./ca/ca-keys.ts";
import type { CaKeys } from "./ca/ca-keys.ts";
import { parseSessionKey } from "./config.ts";
import type { Environment } from "./config.ts";
import { ProxyError } from "./errors.ts";
import { watchMountedFiles } from "./mounted-files.ts";
import type { MountedFiles } from "./mounted-files.ts";
import type { TlsFiles } from "./web/deps.ts";

/** All of them. */
export interface MountedKeys {
  readonly userCa: MountedFiles<CaKeys>;
  readonly hostKeys: MountedFiles<readonly HostKey[]>;
  readonly tls: MountedFiles<TlsFiles>;
  readonly sessionKey: Buffer;
  close(): void;
}

/** Reads them. Throws ProxyError with one sentence that names the directory and the file. */
export function readMountedKeys(
  { directories }: Pick<Environment, "directories">,
  tools: { readonly clock: Clock; readonly log: Logger },
): MountedKeys {
  const userCa = orExplain(directories.userCa, () =>
    watchMountedFiles({
      ...tools,
      directory: directories.userCa,
      names: ["ca.key", "ca.pub"],
      parse: (texts) => parseCaKeys(texts["ca.key"], texts["ca.pub"]),
    }),
  );
  const hostKeys = orExplain(directories.sshHost, () =>
    watchMountedFiles({
      ...tools,
      directory: directories.sshHost,
      names: ["ssh_host_ed25519_key"],
      parse: (texts) => [{ privateKey: parsePrivateKey(texts.ssh_host_ed25519_key) }],
    }),
  );
  const tls = orExplain(directories.tls, () =>
    watchMountedFiles({
      ...tools,
      directory: directories.tls,
      names: ["tls.crt", "tls.key"],
      parse: (texts) => parseTls(texts["tls.crt"], texts["tls.key"]),
    }),
  );
  // Never reloaded: a new session key ends every sign-in, which is a restart's business.
  const session = orExplain(directories.session, () =>
    watchMountedFiles({
      ...tools,
      directory: directories.session,
      names: ["session.key"],
      parse: (texts) => parseSessionKey(texts["session.key"]),
    }),
  );
  session.close();
  return {
    userCa,
    hostKeys,
    tls,
    sessionKey: session.current(),
    close: () => {
      for (const files of [userCa, hostKeys, tls]) files.close();
    },
  };
}

/** A key that does not belong to the certificate would fail every handshake, one by one. */
function parseTls(cert: string, key: string): TlsFiles {
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    throw new ProxyError("KEY_UNUSABLE", "tls.key: does not belong to the certificate of tls.crt");
  }
  return { cert, key };
}

function orExplain<T>(directory: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ProxyError("KEY_UNUSABLE", `${directory}: ${why}`, { cause });
  }
}
