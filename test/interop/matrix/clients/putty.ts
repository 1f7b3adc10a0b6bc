/**
 * PuTTY's command-line programs. Everything they know is in saved sessions below a folder of the cell's own
 * (PUTTYDIR): keys as .ppk, certificates, host CAs, and for the jump form a session of the proxy that
 * the target's session goes through (PuTTY's "SSH to proxy and use port forwarding").
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { NotApplicable } from "../client.ts";
import type { Hop, Invocation, MatrixClient, MissingClient, Operation, Route } from "../client.ts";
import { onTerminal } from "./openssh.ts";
import type { Copies } from "./openssh.ts";

/** Named in the saved sessions' files. */
type Settings = Readonly<Record<string, string | number>>;

const SSH_THROUGH_SSH = 6;

/** plink, psftp and pscp of this machine. */
export function puttyClient(): MatrixClient | MissingClient {
  const version = versionOfPlink();
  if (version === undefined) return { id: "putty", name: "PuTTY", missing: "plink is not installed" };
  return {
    id: "putty",
    name: `PuTTY ${version}`,
    target: "web-1",
    invoke: (route, operation) => invocation(new PuttyFolder(route), operation),
    remoteShell(route) {
      const folder = new PuttyFolder(route);
      folder.save({});
      return { shell: `env PUTTYDIR=${folder.path} plink -batch`, destination: "matrix", variant: "plink" };
    },
  };
}

function versionOfPlink(): string | undefined {
  try {
    return /Release (\S+)/.exec(execFileSync("plink", ["-V"], { encoding: "utf8" }))?.[1];
  } catch {
    return undefined;
  }
}

/** PuTTY's configuration for one route. */
class PuttyFolder {
  readonly path: string;
  readonly route: Route;

  constructor(route: Route) {
    this.route = route;
    this.path = path.join(route.scratch, "putty");
    for (const name of ["sessions", "sshhostcas"]) mkdirSync(path.join(this.path, name), { recursive: true });
  }

  get env(): Readonly<Record<string, string>> {
    const agent = { SSH_AUTH_SOCK: this.route.agent };
    return { PUTTYDIR: this.path, HOME: this.route.scratch, ...agent };
  }

  /** Saves session `matrix`, and those of the hops before it. */
  save(settings: Settings): void {
    const [first, second] = this.route.hops;
    if (second === undefined) {
      this.#write("matrix", first, settings);
      return;
    }
    this.#write("proxy", first, {});
    this.#write("matrix", second, {
      ProxyMethod: SSH_THROUGH_SSH,
      ProxyHost: "proxy",
      ProxyPort: first.port,
      ProxyUsername: first.user,
      ...settings,
    });
  }

  #write(name: string, hop: Hop, settings: Settings): void {
    if (hop.authority !== undefined) this.#trust(hop.name, hop.authority);
    const key = puttyKey(this.route.key);
    const all: Settings = {
      Protocol: "ssh",
      HostName: hop.host,
      PortNumber: hop.port,
      UserName: hop.user,
      LogHost: hop.name,
      PublicKeyFile: key,
      ...(this.route.certified ? { DetachedCertificate: `${this.route.key}-cert.pub` } : {}),
      TryAgent: 0,
      ...(hop.authority === undefined ? { SSHManualHostKeys: fingerprint(hop.hostKey) } : {}),
      AgentFwd: this.route.forwardsAgent ? 1 : 0,
      ...settings,
    };
    const lines = Object.entries(all).map(([setting, value]) => `${setting}=${value}\n`);
    writeFileSync(path.join(this.path, "sessions", name), lines.join(""));
  }

  #trust(name: string, authority: string): void {
    const [, blob = ""] = authority.split(" ");
    const lines = [`PublicKey=${blob}`, `Validity=${name}`, "PermitRSASHA1=0", "PermitRSASHA256=1", ""];
    writeFileSync(path.join(this.path, "sshhostcas", name), lines.join("\n"));
  }
}

/** The key in PuTTY's own format, beside the original. */
function puttyKey(key: string): string {
  const converted = `${key}.ppk`;
  if (!existsSync(converted)) {
    execFileSync("puttygen", [key, "-O", "private", "-o", converted, "--new-passphrase", "/dev/null"]);
  }
  return converted;
}

function fingerprint(line: string): string {
  const [, blob = ""] = line.split(" ");
  return `SHA256:${createHash("sha256").update(Buffer.from(blob, "base64")).digest("base64").replace(/=+$/, "")}`;
}

function invocation(folder: PuttyFolder, operation: Operation): Invocation {
  function plink(settings: Settings, args: readonly string[]): Invocation {
    folder.save(settings);
    return { command: "plink", args: ["-batch", "-load", "matrix", ...args], env: folder.env };
  }
  switch (operation.do) {
    case "session":
      return session(plink, operation);
    case "signal":
      throw new NotApplicable("plink sends no signal but the terminal's");
    case "sessions":
      return shared(plink, operation.count, operation.command);
    case "dial":
      return plink({}, ["-nc", `${operation.host}:${operation.port}`]);
    case "forward":
      return forward(plink, operation);
    default:
      if (folder.route.form === "forward") throw new NotApplicable("psftp and pscp forward no agent");
      folder.save({});
      return copies(folder, operation);
  }
}

type Plink = (settings: Settings, args: readonly string[]) => Invocation;

function session(plink: Plink, operation: Extract<Operation, { readonly do: "session" }>): Invocation {
  const settings: Settings = {
    ...(operation.env === undefined
      ? {}
      : {
          Environment: Object.entries(operation.env)
            .map(([name, value]) => `${name}=${value}`)
            .join(","),
        }),
    ...(operation.agent === true ? { AgentFwd: 1 } : {}),
    ...(operation.rekey === true ? { RekeyBytes: "1M" } : {}),
    ...(operation.display === undefined ? {} : { X11Forward: 1, X11Display: operation.display.DISPLAY }),
  };
  const command = operation.command === undefined ? [] : [operation.command];
  if (operation.terminal !== undefined)
    return onTerminal(plink(settings, ["-t", ...command]), operation.terminal);
  const plain = plink(settings, operation.command === undefined ? ["-T"] : ["-v", "-T", ...command]);
  return { ...plain, env: { ...plain.env, ...operation.display } };
}

function forward(
  plink: Plink,
  { kind, listen, to = 0 }: Extract<Operation, { readonly do: "forward" }>,
): Invocation {
  if (kind === "socket") throw new NotApplicable("PuTTY forwards to ports only");
  const flag = { local: "-L", remote: "-R", socks: "-D" }[kind];
  const place = `127.0.0.1:${listen}${kind === "socks" ? "" : `:127.0.0.1:${to}`}`;
  return plink({}, [flag, place, "echo ready; cat"]);
}

/** One connection, so many sessions: without its upstream, a downstream fails at once (-shareexists). */
function shared(plink: Plink, count: number, command: string): Invocation {
  const { command: program, args, env = {} } = plink({ ConnectionSharing: 1 }, []);
  const script = `
    command=$1; shift
    coproc upstream { "$@" 'echo up; cat >/dev/null'; }
    read -r up <&"\${upstream[0]}"
    "$@" -shareexists || exit 1
    for i in $(seq ${count}); do "$@" "$command" & jobs="$jobs $!"; done
    wait $jobs
    eval "exec \${upstream[1]}>&-"
    wait`;
  return { command: "bash", args: ["-c", script, "bash", command, program, ...args], env };
}

function copies(folder: PuttyFolder, operation: Copies): Invocation {
  const { put, get } = operation;
  const { env } = folder;
  if (operation.do === "sftp") {
    const batch = path.join(folder.path, "batch");
    writeFileSync(batch, `put ${put.join(" ")}\nget ${get.join(" ")}\n`);
    return { command: "psftp", args: ["-batch", "-load", "matrix", "-b", batch], env };
  }
  const pscp = `pscp -q -batch ${operation.do === "scp" ? "-scp" : "-sftp"}`;
  const script = `${pscp} ${put[0]} matrix:${put[1]} && ${pscp} matrix:${get[0]} ${get[1]}`;
  return { command: "bash", args: ["-c", script], env };
}
