/**
 * What the demo keeps between runs, all below .local/: the person's password,
 * TOTP secret and key-helper token (demo-state, 0600), the files of her machine
 * (demo/), and the facts for scripts (demo.env).
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { keyFiles, writePrivateFile, type PersonMachine } from "@teleport-access/testkit";
import { ROOT } from "./bundle.ts";

const LOCAL = join(ROOT, ".local");
export const DEMO_ENV: string = join(LOCAL, "demo.env");
export const DEMO_CLUSTER = "demo";
export const USER = "alice";

export const DEMO_MACHINE: PersonMachine = {
  user: USER,
  files: keyFiles(join(LOCAL, "demo")),
  state: join(LOCAL, "demo-state"),
  caFile: join(LOCAL, "demo", "web-ca.crt"),
};

/** Quoted only where a shell asks for it, so that simpler readers of `NAME=value` are right as well. */
function shellWord(value: string): string {
  return /^[\w@%+=:,./-]*$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}

/** `NAME=value` lines a shell can source. */
export function writeDemoEnv(facts: Readonly<Record<string, string>>): void {
  const lines = Object.entries(facts).map(([name, value]) => `${name}=${shellWord(value)}`);
  writePrivateFile(DEMO_ENV, `${lines.join("\n")}\n`);
}

/** Forgets the person and her machine's files. */
export function removeDemoFiles(): void {
  for (const path of [DEMO_MACHINE.state, DEMO_ENV, DEMO_MACHINE.files.folder])
    rmSync(path, { recursive: true, force: true });
}
