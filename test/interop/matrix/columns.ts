/** The columns and rows of the matrix. */
import type { Feature } from "./cell.ts";
import type { MatrixClient, MissingClient } from "./client.ts";
import { dropbearClient } from "./clients/dropbear.ts";
import { openSshClient } from "./clients/openssh.ts";
import { puttyClient } from "./clients/putty.ts";
import { libraryClients } from "./clients/scripted.ts";
import { ADDRESSES } from "./features/addresses.ts";
import { FILES } from "./features/files.ts";
import { FORWARD_FORM } from "./features/forward-form.ts";
import { FORWARDING } from "./features/forwarding.ts";
import { SESSIONS } from "./features/sessions.ts";
import { TERMINALS } from "./features/terminals.ts";
import type { MatrixWorld } from "./world.ts";

export const FEATURES: readonly Feature[] = [
  ...SESSIONS,
  ...TERMINALS,
  ...FORWARDING,
  ...FILES,
  ...ADDRESSES,
  ...FORWARD_FORM,
];

/** Both OpenSSHs, each with an sshd of its own version as its target, and other vendors' clients. */
export function allClients(world: MatrixWorld): readonly (MatrixClient | MissingClient)[] {
  return [
    ...world.openSshs.map((openSsh, index) => openSshClient(openSsh, `web-${index + 1}`)),
    ...world.skipped.map((missing) => ({ id: "openssh", name: "OpenSSH", missing })),
    puttyClient(),
    dropbearClient(),
    ...libraryClients(),
  ];
}
