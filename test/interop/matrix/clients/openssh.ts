/**
 * OpenSSH's own programs, with exactly the ssh_config that the key-helper writes. A direct route overrides
 * the jump in it; the forward form needs none of it but the proxy's block.
 */
import { fileURLToPath } from "node:url";
import type { OpenSsh } from "@teleport-access/testkit";
import { NotApplicable } from "../client.ts";
import type { Invocation, MatrixClient, Operation, Route } from "../client.ts";

type SessionOperation = Extract<Operation, { readonly do: "session" }>;

export const ON_TERMINAL: string = fileURLToPath(new URL("on-terminal.py", import.meta.url));

/** A column of one OpenSSH; `target` is a host with an sshd of the same version. */
export function openSshClient(openSsh: OpenSsh, target: string): MatrixClient {
  return {
    id: openSsh.version,
    name: openSsh.version.replace("OpenSSH_", "OpenSSH "),
    target,
    invoke: (route, operation) => new Arguments(openSsh, route).invocation(operation),
    remoteShell(route) {
      const args = new Arguments(openSsh, route);
      return { shell: args.shell(), destination: args.destination, variant: "ssh" };
    },
  };
}

class Arguments {
  readonly #openSsh: OpenSsh;
  readonly #route: Route;
  readonly destination: string;

  constructor(openSsh: OpenSsh, route: Route) {
    this.#openSsh = openSsh;
    this.#route = route;
    const [first] = route.hops;
    this.destination =
      route.form === "forward"
        ? `${first.user}@${first.host}`
        : route.hops.length === 1 && route.form === "jump"
          ? first.host
          : `${route.login}@${route.target}`;
  }

  /** What every program of OpenSSH takes. */
  get options(): readonly string[] {
    const { form, sshConfig, hops, forwardsAgent } = this.#route;
    const options = ["-F", sshConfig];
    if (form === "direct") {
      const [{ host, port, name }] = hops;
      options.push("-o", "ProxyJump=none", "-o", `HostName=${host}`, "-o", `Port=${port}`);
      options.push("-o", `HostKeyAlias=${name}`);
    }
    if (form === "jump" && hops.length > 1) options.push("-o", `Port=${hops.at(-1)?.port ?? 0}`);
    if (form === "forward") options.push("-o", `Port=${hops[0].port}`);
    if (forwardsAgent) options.push("-o", "ForwardAgent=yes");
    return options;
  }

  get #agent(): Record<string, string> {
    return { SSH_AUTH_SOCK: this.#route.agent };
  }

  shell(): string {
    return [this.#openSsh.program("ssh"), ...this.options].join(" ");
  }

  invocation(operation: Operation): Invocation {
    switch (operation.do) {
      case "session":
        return this.#session(operation);
      case "signal":
        throw new NotApplicable("ssh sends no signal but the terminal's");
      case "sessions":
        return this.#multiplexed(operation.count, operation.command);
      case "dial":
        return this.#ssh(["-W", `${bracketed(operation.host)}:${operation.port}`, this.destination]);
      case "forward":
        return this.#forward(operation);
      case "sftp":
        return this.#sftp(operation);
      case "scp":
      case "scp-over-sftp":
        return this.#scp(operation);
    }
  }

  #ssh(args: readonly string[]): Invocation {
    const env: Record<string, string> = this.#route.forwardsAgent ? this.#agent : {};
    return { command: this.#openSsh.program("ssh"), args: [...this.options, ...args], env };
  }

  #session(operation: SessionOperation): Invocation {
    const { command, terminal } = operation;
    const plain = this.#ssh([
      ...sessionOptions(operation),
      this.destination,
      ...(command === undefined ? [] : [command]),
    ]);
    const env = {
      ...plain.env,
      ...(operation.agent === true ? this.#agent : {}),
      ...operation.display,
    };
    return terminal === undefined ? { ...plain, env } : onTerminal({ ...plain, env }, terminal);
  }

  /** One connection, so many sessions: without its master a session has nowhere to go. */
  #multiplexed(count: number, command: string): Invocation {
    const socket = `${this.#route.scratch}/master`;
    const { command: ssh, args, env = {} } = this.#ssh(["-o", `ControlPath=${socket}`]);
    const script = `
      ssh=$1 destination=$2 command=$3; shift 3
      "$ssh" "$@" -o ControlMaster=yes -f -N "$destination" || exit 1
      for i in $(seq ${count}); do "$ssh" "$@" -o ProxyJump=none -o ProxyCommand=false "$destination" "$command" & done
      wait
      "$ssh" "$@" -O exit "$destination" 2>/dev/null`;
    return { command: "bash", args: ["-c", script, "bash", ssh, this.destination, command, ...args], env };
  }

  #forward({ kind, listen, to = 0, path = "" }: Extract<Operation, { readonly do: "forward" }>): Invocation {
    const flag = { local: "-L", remote: "-R", socks: "-D", socket: "-L" }[kind];
    const there = { local: `:127.0.0.1:${to}`, remote: `:127.0.0.1:${to}`, socks: "", socket: `:${path}` }[
      kind
    ];
    const place = `127.0.0.1:${listen}${there}`;
    return this.#ssh(["-o", "ExitOnForwardFailure=yes", flag, place, this.destination, "echo ready; cat"]);
  }

  #sftp({ put, get }: Copies): Invocation {
    const { env = {} } = this.#ssh([]);
    return {
      command: this.#openSsh.program("sftp"),
      args: ["-q", ...this.options, ...this.#sshProgram(), "-b", "-", this.destination],
      env,
      input: `put ${put.join(" ")}\nget ${get.join(" ")}\n`,
    };
  }

  #scp({ do: kind, put, get }: Copies): Invocation {
    const { env = {} } = this.#ssh([]);
    const args = ["-q", kind === "scp" ? "-O" : "-s", ...this.options, ...this.#sshProgram()];
    const script = `scp=$1 destination=$2; shift 2; "$scp" "$@" ${put[0]} "$destination:${put[1]}" && "$scp" "$@" "$destination:${get[0]}" ${get[1]}`;
    const scp = this.#openSsh.program("scp");
    return { command: "bash", args: ["-c", script, "bash", scp, this.destination, ...args], env };
  }

  #sshProgram(): readonly string[] {
    return ["-S", this.#openSsh.program("ssh")];
  }
}

function sessionOptions({ command, env = {}, agent, display, rekey, terminal }: SessionOperation): string[] {
  const args = Object.entries(env).flatMap(([name, value]) => ["-o", `SetEnv=${name}=${value}`]);
  if (agent === true) args.push("-A");
  if (display !== undefined) args.push("-Y");
  if (rekey === true) args.push("-o", "RekeyLimit=1M");
  if (terminal !== undefined) args.push("-tt");
  // With -v it says that a signal has ended the command.
  else if (command !== undefined) args.push("-v");
  return args;
}

export type Copies = Extract<Operation, { readonly do: "sftp" | "scp" | "scp-over-sftp" }>;

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** Puts a program on a terminal, see on-terminal.py. */
export function onTerminal(
  { command, args, env }: Invocation,
  terminal: NonNullable<SessionOperation["terminal"]>,
): Invocation {
  return {
    command: "python3",
    args: [ON_TERMINAL, JSON.stringify(terminal), command, ...args],
    env: { ...env, TERM: "xterm" },
  };
}
