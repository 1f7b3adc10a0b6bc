/**
 * The sshd side of a cluster: the sshd_config fragment that makes a server accept
 * this cluster's people and nobody else. (design.md, section 5.)
 */

/** Stands for the host's name in ConfigMap `<cluster>-sshd`. */
export const HOST_PLACEHOLDER = "__HOST__";
/** Where the files of ConfigMap `<cluster>-sshd` and of a HostCertificate's Secret are expected. */
const SSHD_DIR = "/etc/teleport-access/sshd";
const HOST_DIR = "/etc/teleport-access/host";

/** The fragment for a server with these names (without the cluster). */
export function sshdConfig(clusterName: string, hostnames: readonly string[]): string {
  const principals = [`%u@${clusterName}`, ...hostnames.map((host) => `%u@${host}.${clusterName}`)];
  return [
    `# teleport-access: who may log in to ${hostnames.map((host) => `${host}.${clusterName}`).join(", ")}.`,
    "# Only certificates of the listed user CA, whose principals name this login here or in the whole cluster.",
    `HostKey ${HOST_DIR}/ssh_host_ed25519_key`,
    `HostCertificate ${HOST_DIR}/ssh_host_ed25519_key-cert.pub`,
    `TrustedUserCAKeys ${SSHD_DIR}/teleport_user_ca.pub`,
    `AuthorizedPrincipalsCommand /usr/bin/printf "%%s\\n" ${principals.join(" ")}`,
    "AuthorizedPrincipalsCommandUser nobody",
    "AuthorizedKeysFile none",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "",
  ].join("\n");
}

/** The README of ConfigMap `<cluster>-sshd`. */
export function sshdReadme(clusterName: string): string {
  return `How a server joins cluster ${clusterName}

1. Put teleport_user_ca.pub at ${SSHD_DIR}/teleport_user_ca.pub.
2. Get a host certificate: a HostCertificate with the server's public key, or with secretName for a
   key made for you. Put key and certificate under ${HOST_DIR}/.
3. Replace ${HOST_PLACEHOLDER} in sshd_config by the server's name without the cluster, include the
   file from /etc/ssh/sshd_config and reload sshd. (The Secret of a HostCertificate with secretName
   holds an sshd_config with the name filled in.)
4. List the server in spec.agent.targets of the TeleportCluster.

The server sees every person coming from the agent's address. OpenSSH 9.8 and newer slows an address
down after failures: exempt the agents with "PerSourcePenaltyExemptList <address of the agents>".
`;
}

/** teleport_user_ca.pub: the user CA keys of the proxies that are not suspended. */
export function trustedUserCaKeys(
  proxies: readonly { readonly userCAKeys: readonly string[]; readonly suspend: boolean }[],
): string {
  const lines = proxies.filter((proxy) => !proxy.suspend).flatMap((proxy) => proxy.userCAKeys);
  return [...new Set(lines)].map((line) => `${line}\n`).join("");
}
