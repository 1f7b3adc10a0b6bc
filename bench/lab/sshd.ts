/** A stock sshd, as a target behind a tunnel or as a peer's jump host. */
import type { OpenSsh } from "@teleport-access/testkit";
import type { CpuGroup } from "../measure/cpu.ts";
import { CLUSTER, publicLine, writeBelow, writeIdentity } from "./estate.ts";
import type { Estate, MaybeCertified } from "./estate.ts";
import { startProcess, whenListening } from "./processes.ts";
import type { BenchProcess } from "./processes.ts";
import { LOGIN } from "./sandbox.ts";

export interface SshdOptions {
  readonly openSsh: OpenSsh;
  readonly estate: Pick<Estate, "userCa">;
  readonly host: MaybeCertified;
  readonly port: number;
  readonly group: CpuGroup;
  /** More sshd_config lines. */
  readonly config?: readonly string[];
}

/**
 * Starts it with its defaults but for what must be: our host key and user CA, the
 * login's principals (from a file: a command for each login would be ten
 * milliseconds that the product's way does not ask of a jump host), and room for
 * many at once.
 */
export async function startSshd(options: SshdOptions): Promise<BenchProcess> {
  const { openSsh, estate, host, port, group, config = [] } = options;
  const name = `sshd-${port}`;
  const hostKey = writeIdentity(`${name}/host_key`, host);
  const lines = [
    ...config,
    ...openSsh.sshdConfig,
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${hostKey}`,
    ...(host.certificate === undefined ? [] : [`HostCertificate ${hostKey}-cert.pub`]),
    `TrustedUserCAKeys ${writeBelow(`${name}/user_ca.pub`, `${publicLine(estate.userCa)}\n`)}`,
    `AuthorizedPrincipalsFile ${writeBelow(`${name}/principals`, `${LOGIN}@${CLUSTER}\n`)}`,
    "AuthorizedKeysFile none",
    "PidFile none",
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "MaxStartups 10000",
    "MaxSessions 1000",
  ];
  const file = writeBelow(`${name}/sshd_config`, `${lines.join("\n")}\n`);
  const sshd = startProcess({
    name,
    command: openSsh.program("sshd"),
    args: ["-D", "-e", "-f", file],
    group,
  });
  await whenListening(port, sshd);
  return sshd;
}
