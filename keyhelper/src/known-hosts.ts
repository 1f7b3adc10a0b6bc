/**
 * The known_hosts file: the proxy's own keys, and the host CA of each cluster
 * (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). Pure.
 */
import type { Address, ClusterHostKeys } from "@teleport-access/wire";
import { plainName } from "./quoting.ts";
import { GENERATED_BY } from "./ssh-config.ts";

/** The port that known_hosts leaves out. */
const SSH_PORT = 22;

/** The text of the file. Key lines were checked when the message was parsed; comments on them are dropped. */
export function formatKnownHosts(
  proxy: Address,
  hostKeys: readonly string[],
  clusters: readonly ClusterHostKeys[],
): string {
  const host = plainName(proxy.host.toLowerCase());
  const pattern = proxy.port === SSH_PORT ? host : `[${host}]:${proxy.port}`;
  const proxyLines = hostKeys.map((key) => `${pattern} ${withoutComment(key)}`);
  const clusterLines = clusters.flatMap(({ cluster, keys }) =>
    // With and without a port: `*.prod` does not match `[web-1.prod]:2222`.
    keys.map(
      (key) => `@cert-authority *.${plainName(cluster)},[*.${plainName(cluster)}]:* ${withoutComment(key)}`,
    ),
  );
  return `${[GENERATED_BY, ...proxyLines, ...clusterLines].join("\n")}\n`;
}

function withoutComment(line: string): string {
  return line.trim().split(/\s+/).slice(0, 2).join(" ");
}
