/**
 * The programs that the tests run besides the product's own: stock OpenSSH,
 * mmdebstrap, which unpacks a newer one beside it, and Python for ssh-audit.
 *
 *   node hack/test-programs.ts      installs what is missing, or says what to install
 */
import { ensurePrograms, OPENSSH, type Need } from "./debian-packages.ts";

const NEEDS: readonly Need[] = [
  ...OPENSSH,
  { program: "/usr/sbin/sshd", package: "openssh-server" },
  { program: "/usr/lib/openssh/sftp-server", package: "openssh-sftp-server" },
  { program: "mmdebstrap", package: "mmdebstrap" },
  // ssh-audit (hack/ssh-audit.sh) comes from Python's index.
  { program: "python3", package: "python3" },
  { program: "pip3", package: "python3-pip" },
];

try {
  ensurePrograms(NEEDS, (text) => {
    console.log(`test: ${text}`);
  });
} catch (error) {
  console.error(`test: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
