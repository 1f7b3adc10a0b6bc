/**
 * An account for the matrix's sshds alone. sshd separates privileges only for
 * somebody who is not root, and the machine has perhaps nobody else with a shell: so it
 * starts in a mount namespace whose /etc/passwd has a line more. The machine's own stays
 * as it is.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import type { OpenSsh, TestFolder } from "@teleport-access/testkit";

/** Nobody's in Debian. */
const UID = 64_998;
const NOGROUP = 65_534;

let known: boolean | undefined;

/** Whether this machine lets us have a mount namespace. */
export function canAddAccounts(): boolean {
  known ??= spawnSync("unshare", ["--mount", "true"]).status === 0;
  return known;
}

/** The same OpenSSH, whose sshd knows `name` too; unchanged where that cannot be. */
export function withAccount(openSsh: OpenSsh, folder: TestFolder, name: string): OpenSsh {
  if (!canAddAccounts()) return openSsh;
  const line = `${name}:x:${UID}:${NOGROUP}::${folder.path}:/bin/bash\n`;
  const accounts = folder.write("passwd", `${readFileSync("/etc/passwd", "utf8")}${line}`);
  chmodSync(accounts, 0o644);
  const start = `mount --bind ${accounts} /etc/passwd && exec ${openSsh.program("sshd")} "$@"`;
  const wrapper = folder.write(
    `sshd.${openSsh.version}`,
    `#!/bin/sh\nexec unshare --mount --propagation private sh -c '${start}' sh "$@"\n`,
  );
  chmodSync(wrapper, 0o755);
  return { ...openSsh, program: (program) => (program === "sshd" ? wrapper : openSsh.program(program)) };
}
