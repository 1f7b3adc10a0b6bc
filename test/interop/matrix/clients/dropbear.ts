/**
 * Dropbear's dbclient. It knows no certificates, so that it can sign in nowhere where they are asked for:
 * neither at us nor at a target. What remains to be seen is that it is sent away cleanly.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { NotApplicable } from "../client.ts";
import type { MatrixClient, MissingClient, Route } from "../client.ts";

const NO_CERTIFICATES = "Dropbear knows no certificates";

export function dropbearClient(): MatrixClient | MissingClient {
  const version = versionOfDbclient();
  if (version === undefined)
    return { id: "dropbear", name: "Dropbear", missing: "dbclient is not installed" };
  return {
    id: "dropbear",
    name: `Dropbear ${version}`,
    target: "web-1",
    invoke(route, operation) {
      if (route.certified || operation.do !== "session") throw new NotApplicable(NO_CERTIFICATES);
      const home = homeOf(route);
      const key = path.join(home, "key");
      execFileSync("dropbearconvert", ["openssh", "dropbear", route.key, key], { stdio: "ignore" });
      const [{ host, port, user }] = route.hops;
      const args = ["-i", key, "-p", String(port), `${user}@${host}`, operation.command ?? ""];
      return { command: "dbclient", args, env: { HOME: home } };
    },
    remoteShell() {
      throw new NotApplicable(NO_CERTIFICATES);
    },
  };
}

/** dbclient reads known_hosts below HOME, and has it without ports. */
function homeOf(route: Route): string {
  const home = path.join(route.scratch, "dropbear");
  mkdirSync(path.join(home, ".ssh"), { recursive: true, mode: 0o700 });
  const [{ host, hostKey }] = route.hops;
  writeFileSync(path.join(home, ".ssh/known_hosts"), `${host} ${hostKey}\n`);
  return home;
}

function versionOfDbclient(): string | undefined {
  try {
    const output = execFileSync("sh", ["-c", "dbclient -V 2>&1"], { encoding: "utf8" });
    return /v(\S+)/.exec(output)?.[1];
  } catch {
    return undefined;
  }
}
