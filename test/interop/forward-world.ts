/**
 * The estate of proxy-world.ts with the person's side of the forward form: a real ssh-agent with alice's
 * certificate, and the programs of one OpenSSH that go through it to web-1 behind the proxy.
 */
import { holdCommand, runProgram, startSshAgent, strictSshOptions } from "@teleport-access/testkit";
import type {
  FinishedProgram,
  OpenSsh,
  OpenSshProgram,
  RunningCommand,
  CommandOptions,
  SshAgent,
} from "@teleport-access/testkit";
import type { Certificate } from "@teleport-access/sshcert";
import { startTargets } from "./forward-targets.ts";
import { startProxyWorld } from "./proxy-world.ts";
import type { ProxyWorld, ProxyWorldOptions } from "./proxy-world.ts";

/** What a certificate has to carry for all that the forward form can do. */
export const ALL_EXTENSIONS: readonly string[] = [
  "permit-pty",
  "permit-agent-forwarding",
  "permit-port-forwarding",
];
export const ALL_PERMISSIONS: readonly string[] = [
  "Shell",
  "Exec",
  "FileTransfer",
  "AgentForwarding",
  "PortForwarding",
];

/** What differs from alice with her agent. */
export interface ForwardOptions {
  readonly input?: Buffer | string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** The SSH user name of the proxy hop. */
  readonly wish?: string;
  /** Whether the agent is forwarded. @default true */
  readonly agent?: boolean;
  /** The socket of another agent, which is also the one that ssh logs in to the proxy with. */
  readonly socket?: string;
  /** A key file to log in to the proxy with, instead of the agent's key. */
  readonly key?: string;
  /** More options of ssh, before the host. */
  readonly args?: readonly string[];
}

export interface ForwardWorld {
  readonly world: ProxyWorld;
  readonly agent: SshAgent;
  /** What is typed: `login@web-1.prod@proxy`, or another wish before the last `@`. */
  to(wish?: string): string;
  /** Runs ssh to the end. */
  ssh(command: readonly string[], options?: ForwardOptions): Promise<FinishedProgram>;
  /** Runs ssh and leaves it running. */
  hold(command: readonly string[], options?: ForwardOptions): RunningCommand;
  /** Runs scp or sftp. */
  run(program: OpenSshProgram, args: readonly string[], options?: ForwardOptions): Promise<FinishedProgram>;
  /** Replaces alice's grant. */
  grant(over?: object): void;
  close(): Promise<void>;
}

/** Starts everything; alice may do everything on web-1. */
export async function startForwardWorld(
  openSsh: OpenSsh,
  options: ProxyWorldOptions = {},
): Promise<ForwardWorld> {
  const world = await startProxyWorld({
    openSsh,
    behind: (keys, folder) => startTargets(openSsh, keys, folder),
    ...options,
  });
  const agent = await startSshAgent(openSsh, world.folder);
  const made = new Forward(world, agent, openSsh);
  made.grant();
  await agent.add(made.write("alice", world.certificate({ extensions: ALL_EXTENSIONS })));
  return made;
}

class Forward implements ForwardWorld {
  readonly world: ProxyWorld;
  readonly agent: SshAgent;
  readonly #openSsh: OpenSsh;

  constructor(world: ProxyWorld, agent: SshAgent, openSsh: OpenSsh) {
    this.world = world;
    this.agent = agent;
    this.#openSsh = openSsh;
  }

  to(wish = `${this.world.login}@web-1.prod`): string {
    return `${wish}@proxy`;
  }

  /** Key, public key and certificate files; returns the key's. */
  write(name: string, certificate: Certificate): string {
    this.world.client(name, certificate);
    return this.world.folder.file(name);
  }

  grant(over: object = {}): void {
    this.world.set("UserAccess", "alice-prod", {
      userRef: { name: "alice" },
      clusters: ["prod"],
      logins: [this.world.login],
      permissions: ALL_PERMISSIONS,
      ...over,
    });
  }

  ssh(command: readonly string[], options: ForwardOptions = {}): Promise<FinishedProgram> {
    const args = [...this.#options(options), ...(options.args ?? []), this.to(options.wish), ...command];
    return runProgram(this.#openSsh.program("ssh"), args, this.#environment(options));
  }

  hold(command: readonly string[], options: ForwardOptions = {}): RunningCommand {
    const args = [...this.#options(options), ...(options.args ?? []), this.to(options.wish), ...command];
    return holdCommand(this.#openSsh.program("ssh"), args, this.#environment(options));
  }

  run(
    program: OpenSshProgram,
    args: readonly string[],
    options: ForwardOptions = {},
  ): Promise<FinishedProgram> {
    const ssh = ["-S", this.#openSsh.program("ssh")];
    const all = [...ssh, ...this.#options(options), ...(options.args ?? []), ...args];
    return runProgram(this.#openSsh.program(program), all, this.#environment(options));
  }

  #options({ agent = true, socket = this.agent.socket, key }: ForwardOptions): string[] {
    return strictSshOptions({
      HostName: "127.0.0.1",
      Port: String(this.world.ports.ssh),
      HostKeyAlias: `[127.0.0.1]:${this.world.ports.ssh}`,
      UserKnownHostsFile: this.world.folder.file("known_hosts"),
      ForwardAgent: agent ? "yes" : "no",
      ...(key === undefined
        ? { IdentityAgent: socket, IdentitiesOnly: "no", IdentityFile: "none" }
        : { IdentityAgent: socket, IdentityFile: key, CertificateFile: `${key}-cert.pub` }),
    });
  }

  #environment({ socket = this.agent.socket, input, env, timeoutMs }: ForwardOptions): CommandOptions {
    return {
      env: { SSH_AUTH_SOCK: socket, ...env },
      ...(input === undefined ? {} : { input }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
  }

  async close(): Promise<void> {
    await this.agent.stop();
    await this.world.close();
  }
}
