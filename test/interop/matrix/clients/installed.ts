/** Where hack/matrix-clients.ts has put what the matrix runs, or why it has not. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The path of a program, or why there is none. */
export type Installed = string | { readonly missing: string };

export interface InstalledClients {
  /** A Python with paramiko and asyncssh. */
  readonly python: Installed;
  readonly ansible: Installed;
  /** Our program on x/crypto/ssh. */
  readonly go: Installed;
}

let known: InstalledClients | undefined;

export function installedClients(): InstalledClients {
  const program = fileURLToPath(new URL("../../../../hack/matrix-clients.ts", import.meta.url));
  known ??= JSON.parse(execFileSync(process.execPath, [program], { encoding: "utf8" })) as InstalledClients;
  return known;
}
