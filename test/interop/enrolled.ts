/** What signing up leaves behind: a person's credentials Secret, and an ssh that types codes. */
import { chmodSync, readFileSync } from "node:fs";
import { deriveKey, sealText } from "@teleport-access/proxy";
import { startProgram, totpCode, totpStep } from "@teleport-access/testkit";
import type { FinishedProgram, OpenSsh, RunningProgram } from "@teleport-access/testkit";
import { NAMESPACE, SESSION_KEY } from "./proxy-world.ts";
import type { ProxyWorld } from "./proxy-world.ts";

/** The TOTP secret of everybody who is enrolled here. */
const SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/** Writes alice's credentials as an enrolment would: no code is used yet, no try counted. */
export function enrolAlice({ api }: ProxyWorld): void {
  const totp = sealText(deriveKey(SESSION_KEY, "totp"), SECRET, "alice");
  const data = Object.entries({ password: "$argon2id$nobody", totp }).map(
    ([key, value]) => [key, Buffer.from(value).toString("base64")] as const,
  );
  const metadata = { name: "alice-credentials", namespace: NAMESPACE };
  api.set({ apiVersion: "v1", kind: "Secret", metadata, data: Object.fromEntries(data) } as Parameters<
    ProxyWorld["api"]["set"]
  >[0]);
}

/** A value of alice's credentials as it is now. */
export function credentialOf({ api }: ProxyWorld, key: string): string | undefined {
  const secret = api.get("Secret", NAMESPACE, "alice-credentials") as
    { readonly data?: Readonly<Record<string, string>> } | undefined;
  const value = secret?.data?.[key];
  return value === undefined ? undefined : Buffer.from(value, "base64").toString();
}

/** The code that an authenticator app shows now. */
export function codeNow(): string {
  return totpCode(SECRET, totpStep(Date.now()));
}

/** How ssh is run. */
export interface TypedSsh {
  readonly openSsh: OpenSsh;
  /** What is typed at each prompt; nothing can be typed without it. */
  readonly code?: string;
  /** Before the configuration of the world's own client. */
  readonly config?: readonly string[];
  readonly args: readonly string[];
}

/** Runs ssh with alice's certificate and somebody who types the code, and nothing else. */
export function typedSsh(world: ProxyWorld, typed: TypedSsh): Promise<FinishedProgram> {
  const { process: child, finished } = startTypedSsh(world, typed);
  child.stdin?.end();
  return finished;
}

/** The same with standard input left to the test. */
export function startTypedSsh(
  world: ProxyWorld,
  { openSsh, code, config = [], args }: TypedSsh,
): RunningProgram {
  const askpass = world.folder.write(`askpass-${code ?? "none"}`, `#!/bin/sh\necho '${code ?? ""}'\n`);
  chmodSync(askpass, 0o700);
  const batch = code === undefined ? "yes" : "no";
  const own = [
    ...config,
    "Host *",
    `  BatchMode ${batch}`,
    "  NumberOfPasswordPrompts 1",
    "  ConnectTimeout 10",
  ];
  const file = world.folder.write(
    "typed.ssh_config",
    [...own, readFileSync(world.client().configPath, "utf8")].join("\n"),
  );
  const env = { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: "force", PATH: pathOf(openSsh) };
  return startProgram(openSsh.program("ssh"), ["-F", file, ...args], { env });
}

/** ssh starts the ssh of its jump by its own name; this machine's may be another version. */
function pathOf(openSsh: OpenSsh): string {
  const folder = openSsh.program("ssh").replace(/\/[^/]*$/, "");
  return `${folder}:${process.env["PATH"] ?? ""}`;
}
