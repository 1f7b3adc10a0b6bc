/**
 * The programs that the tests run besides the product's own: stock OpenSSH,
 * mmdebstrap, which unpacks a newer one beside it, other vendors' clients, and Python
 * for ssh-audit.
 *
 *   node hack/test-programs.ts      installs what is missing, or says what to install
 */
import { ensurePrograms, OPENSSH, type Need } from "./debian-packages.ts";
import { ensureMatrixClients, MATRIX_PROGRAMS } from "./matrix-clients.ts";

const NEEDS: readonly Need[] = [
  ...OPENSSH,
  { program: "/usr/sbin/sshd", package: "openssh-server" },
  { program: "/usr/lib/openssh/sftp-server", package: "openssh-sftp-server" },
  { program: "mmdebstrap", package: "mmdebstrap" },
  // ssh-audit (hack/ssh-audit.sh) comes from Python's index.
  { program: "python3", package: "python3" },
  { program: "pip3", package: "python3-pip" },
  ...MATRIX_PROGRAMS,
];

function say(text: string): void {
  console.log(`test: ${text}`);
}

try {
  ensurePrograms(NEEDS, say);
  ensureMatrixClients(say);
} catch (error) {
  console.error(`test: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
