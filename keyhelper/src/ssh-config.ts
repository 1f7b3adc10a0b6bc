/**
 * The ssh_config that makes stock ssh reach the targets. Pure; golden-tested, and
 * checked with real `ssh -G`.
 *
 *   Host proxy.example.com     the jump host: same key, same certificate
 *   Host *.prod                every target of a cluster, through it
 */
import type { Address } from "@teleport-access/wire";
import { plainName, quotePath } from "./quoting.ts";

/** The first line of files that we wrote and may write again. */
export const GENERATED_BY = "# Written by teleport-key-helper. Changes are overwritten.";

/** What the file says. Paths are absolute. */
export interface SshConfigFacts {
  readonly user: string;
  /** The proxy's SSH door. */
  readonly proxy: Address;
  readonly clusters: readonly string[];
  readonly keyPath: string;
  readonly certPath: string;
  readonly knownHostsPath: string;
  readonly ownPath: string;
}

/** Where ssh and ssh-add look for the private key; it is never opened here. */
export function privateKeyPath(publicKeyPath: string): string {
  return publicKeyPath.replace(/\.pub$/, "");
}

/** The text of the file. Throws KeyHelperError when a path or a name cannot be written safely. */
export function formatSshConfig(facts: SshConfigFacts): string {
  const { user, proxy, clusters } = facts;
  const host = plainName(proxy.host.toLowerCase());
  const patterns = clusters.map((cluster) => `*.${plainName(cluster)}`).toSorted();
  const blocks = [
    [
      GENERATED_BY,
      `# Use it with: ssh -F ${quotePath(facts.ownPath)} login@host.cluster`,
      "# or put this first into ~/.ssh/config:",
      `#   Include ${quotePath(facts.ownPath)}`,
    ],
    [`Host ${host}`, `  User ${plainName(user)}`, `  Port ${proxy.port}`, ...identity(facts)],
    patterns.length === 0
      ? ["# No cluster yet: there is no access to any."]
      : [`Host ${patterns.join(" ")}`, `  ProxyJump ${jump(user, host, proxy.port)}`, ...identity(facts)],
  ];
  return `${blocks.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

/** Both hops show the same certificate, and know the same hosts. */
function identity(facts: SshConfigFacts): readonly string[] {
  return [
    `  IdentityFile ${quotePath(privateKeyPath(facts.keyPath))}`,
    `  CertificateFile ${quotePath(facts.certPath)}`,
    // Otherwise ssh offers all keys of the agent first, and is sent away after six.
    "  IdentitiesOnly yes",
    `  UserKnownHostsFile ${quotePath(facts.knownHostsPath)}`,
    "  StrictHostKeyChecking yes",
    // The keys come from the proxy over TLS: hosts cannot add to them.
    "  UpdateHostKeys no",
    "  CheckHostIP no",
    // Without these ssh never notices that a proxy, a target or the network is gone: now within a minute.
    "  ServerAliveInterval 15",
    "  ServerAliveCountMax 3",
  ];
}

function jump(user: string, host: string, port: number): string {
  return `${plainName(user)}@${host.includes(":") ? `[${host}]` : host}:${port}`;
}
