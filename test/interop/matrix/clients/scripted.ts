/**
 * Libraries: each has a small program beside this file that does one operation,
 * told by one JSON argument, and behaves as ssh would (stdin, stdout, stderr, exit code).
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { installedClients } from "./installed.ts";
import { NotApplicable } from "../client.ts";
import type { Invocation, MatrixClient, MissingClient, Operation, Route } from "../client.ts";

interface Library {
  readonly id: string;
  readonly name: string;
  readonly command: string;
  readonly script: readonly string[];
  /** What the library has no means for. */
  readonly lacks: (operation: Operation, route: Route) => string | undefined;
}

function script(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** paramiko, asyncssh and x/crypto/ssh, or why one is not here. */
export function libraryClients(): readonly (MatrixClient | MissingClient)[] {
  const { python, go } = installedClients();
  return [
    typeof python === "string"
      ? libraryClient({
          id: "paramiko",
          name: versionOf(python, "paramiko"),
          command: python,
          script: [script("paramiko-client.py")],
          lacks: paramikoLacks,
        })
      : { id: "paramiko", name: "paramiko", ...python },
    typeof python === "string"
      ? libraryClient({
          id: "asyncssh",
          name: versionOf(python, "asyncssh"),
          command: python,
          script: [script("asyncssh-client.py")],
          lacks: asyncsshLacks,
        })
      : { id: "asyncssh", name: "asyncssh", ...python },
    typeof go === "string"
      ? libraryClient({ id: "go", name: goName(), command: go, script: [], lacks: goLacks })
      : { id: "go", name: "x/crypto/ssh", ...go },
  ];
}

function versionOf(python: string, library: string): string {
  const code = `import importlib.metadata as m; print(m.version("${library}"))`;
  return `${library} ${execFileSync(python, ["-c", code], { encoding: "utf8" }).trim()}`;
}

/** The program carries the version it was built with. */
function goName(): string {
  return "x/crypto 0.59";
}

const PARAMIKO_FORWARDS_NOT: Readonly<Record<string, string>> = {
  socks: "paramiko has no SOCKS server",
  socket: "paramiko opens no channel to a Unix socket",
};

function paramikoLacks(operation: Operation, { form }: Route): string | undefined {
  if (form === "forward" && operation.do === "forward")
    return "paramiko lends its agent to sessions, and a forwarding has none";
  if (operation.do === "signal") return "paramiko has no call that sends a signal";
  if (operation.do === "scp" || operation.do === "scp-over-sftp") return "paramiko has no scp";
  if (operation.do === "session" && operation.display !== undefined)
    return "paramiko hands over X11 channels, it has no display";
  return operation.do === "forward" ? PARAMIKO_FORWARDS_NOT[operation.kind] : undefined;
}

function asyncsshLacks(operation: Operation): string | undefined {
  return operation.do === "scp-over-sftp" ? "asyncssh speaks scp or SFTP, each by its name" : undefined;
}

function goLacks(operation: Operation): string | undefined {
  if (operation.do === "scp" || operation.do === "scp-over-sftp") return "x/crypto/ssh has no scp";
  if (operation.do === "session" && operation.display !== undefined) return "x/crypto/ssh has no X11";
  return operation.do === "forward" && operation.kind === "socks"
    ? "x/crypto/ssh has no SOCKS server"
    : undefined;
}

function libraryClient({ id, name, command, script: first, lacks }: Library): MatrixClient {
  return {
    id,
    name,
    target: "web-1",
    invoke(route, operation) {
      const reason = lacks(operation, route);
      if (reason !== undefined) throw new NotApplicable(reason);
      return {
        command,
        args: [...first, JSON.stringify(jobOf(route, operation))],
        env: environment(route, operation),
      };
    },
    remoteShell() {
      throw new NotApplicable("a library: nothing that another program could start");
    },
  };
}

function needsAgent(route: Route, operation: Operation): boolean {
  return route.forwardsAgent || (operation.do === "session" && operation.agent === true);
}

function environment(route: Route, operation: Operation): NonNullable<Invocation["env"]> {
  return {
    ...(needsAgent(route, operation) ? { SSH_AUTH_SOCK: route.agent } : {}),
    ...(operation.do === "session" ? operation.display : {}),
  };
}

function jobOf(route: Route, operation: Operation): object {
  const certificate = `${route.key}-cert.pub`;
  return {
    hops: route.hops,
    key: route.key,
    ...(route.certified && existsSync(certificate) ? { certificate } : {}),
    agent: needsAgent(route, operation),
    operation: operation.do === "signal" ? asSession(operation) : operation,
  };
}

function asSession({ command, after, signal }: Extract<Operation, { readonly do: "signal" }>): object {
  return { do: "session", command, steps: [{ after, signal }] };
}
