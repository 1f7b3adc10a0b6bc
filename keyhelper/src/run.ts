/**
 * The key-helper's life: prepare, connect, do what the proxy says, come back
 * when the connection is lost, end when it is told to or cannot go on.
 */
import { createBackoff } from "@teleport-access/daemon";
import type { Backoff, Clock } from "@teleport-access/daemon";
import type { ClusterHostKeys, KeyHelperRefusal } from "@teleport-access/wire";
import { AgentCopy } from "./agent-copy.ts";
import type { Settings } from "./args.ts";
import { parseArguments } from "./args.ts";
import {
  checkCertificate,
  readCertificate,
  removeCertificate,
  writeCertificate,
} from "./certificate-file.ts";
import { connect } from "./connection.ts";
import type { ConnectionEnd, NewsMessage } from "./connection.ts";
import { KeyHelperError } from "./errors.ts";
import { prepareMachine, writeSshFiles } from "./machine.ts";
import type { Machine } from "./machine.ts";
import { createSshAdd } from "./ssh-add.ts";
import { privateKeyPath } from "./ssh-config.ts";
import { createTerminal, USAGE } from "./terminal.ts";
import type { Output, Terminal } from "./terminal.ts";
import { VERSION } from "./version.ts";

/** What the program is given by its surroundings. */
export interface Surroundings {
  readonly output: Output;
  readonly home: string;
  /** Where state goes unless --state-dir says otherwise. */
  readonly stateDir: string;
  readonly clock: Clock;
  /** Aborted by SIGTERM and SIGINT. */
  readonly signal: AbortSignal;
  /** Of the process: where the SSH agent is, and what ssh-add runs with. @default empty, so no agent */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** @default Math.random */
  readonly random?: () => number;
}

/** Exit code for a wrong command line; 1 is for everything else. */
const EXIT_USAGE = 2;

/** Runs the program with these arguments (without node and script); resolves with the exit code. */
export async function runProgram(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const terminal = createTerminal(surroundings.output);
  try {
    const command = parseArguments(args, surroundings.home);
    if (command.do === "help") terminal.print(USAGE);
    else if (command.do === "version") terminal.print(`teleport-key-helper ${VERSION}\n`);
    else await keepFresh(command.settings, surroundings, terminal);
    return 0;
  } catch (error) {
    if (!(error instanceof KeyHelperError)) throw error;
    terminal.failed(error);
    return error.code === "USAGE" ? EXIT_USAGE : 1;
  }
}

/**
 * A service that starts with the machine may be faster than its network, and a
 * person who mistyped the address wants to know: so long a server that was never
 * reached may be unreachable.
 */
const FIRST_CONNECT_MS = 15_000;
const BACKOFF = { initialMs: 1_000, maxMs: 60_000 };
/** Hasty tries would not lift a suspension, and would keep a rate limit alive. */
const PATIENCE_MS = 30_000;
const PATIENT: readonly KeyHelperRefusal[] = ["suspended", "rate-limited"];

async function keepFresh(settings: Settings, around: Surroundings, terminal: Terminal): Promise<void> {
  const machine = await prepareMachine(settings, around.stateDir);
  const over = new AbortController();
  const copy = agentCopy({ settings, machine, terminal, around, signal: over.signal });
  try {
    await followProxy(settings, around, {
      terminal,
      machine,
      desk: new Desk(settings, machine, { terminal, copy }),
    });
  } finally {
    over.abort();
    await copy?.settled();
  }
  terminal.stopped();
}

interface Keeping {
  readonly terminal: Terminal;
  readonly machine: Machine;
  readonly desk: Desk;
}

/** Until it is told to stop, or cannot go on. */
async function followProxy(
  settings: Settings,
  around: Surroundings,
  { terminal, machine, desk }: Keeping,
): Promise<void> {
  const { clock, signal } = around;
  const backoff = createBackoff({
    ...BACKOFF,
    ...(around.random === undefined ? {} : { random: around.random }),
  });
  const started = clock.monotonic();
  while (!signal.aborted) {
    const end = await connect({
      server: settings.server,
      user: settings.user,
      ca: machine.ca,
      token: machine.token,
      deviceKey: machine.deviceKey,
      publicKey: machine.publicKey,
      clock,
      signal,
      onNews: async (message) => {
        if (message.type === "welcome") backoff.reset();
        await desk.take(message);
      },
    });
    if (end.how === "stopped") break;
    const hopeless = !desk.welcomed && clock.monotonic() - started >= FIRST_CONNECT_MS;
    const { problem, waitMs } = retryOrThrow(end, backoff, { welcomed: desk.welcomed, hopeless });
    terminal.retrying(problem, waitMs);
    await pause(clock, waitMs, signal);
  }
}

/** The copy in the person's SSH agent; undefined when there is no agent. */
function agentCopy(of: {
  readonly settings: Settings;
  readonly machine: Machine;
  readonly terminal: Terminal;
  readonly around: Surroundings;
  readonly signal: AbortSignal;
}): AgentCopy | undefined {
  const { settings, machine, terminal, around, signal } = of;
  const { clock, environment = {} } = around;
  if ((environment["SSH_AUTH_SOCK"] ?? "") === "") return undefined;
  const keyPath = privateKeyPath(machine.paths.key);
  return new AgentCopy({
    sshAdd: createSshAdd({ environment, clock, signal }),
    publicKey: machine.publicKey,
    keyPath,
    certPath: machine.paths.cert,
    user: settings.user,
    clock,
    signal,
    words: {
      updated: () => {
        terminal.agentUpdated();
      },
      cleared: () => {
        terminal.agentCleared();
      },
      failed: (problem, wanted) => {
        const byHand = wanted === "put" ? `; ssh-add ${keyPath} does it by hand` : "";
        terminal.agentFailed(`${problem}${byHand}`);
      },
    },
  });
}

/** How long to wait before the next try; throws when there is no point in one. */
function retryOrThrow(
  end: Exclude<ConnectionEnd, { readonly how: "stopped" }>,
  backoff: Backoff,
  so: { readonly welcomed: boolean; readonly hopeless: boolean },
): { readonly problem: string; readonly waitMs: number } {
  if (end.how === "refused") {
    if (!PATIENT.includes(end.reason)) throw new KeyHelperError("REFUSED", `refused: ${end.message}`);
    return { problem: end.message, waitMs: PATIENCE_MS + backoff.next() };
  }
  const { error } = end;
  // Before the first welcome these are mistakes in the command line; later they are somebody's outage.
  const mistake = error.code !== "SERVER_UNREACHABLE";
  if (so.hopeless || (mistake && !so.welcomed)) throw error;
  return { problem: error.message, waitMs: backoff.next() };
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(ms, finish);
    function finish(): void {
      timer.cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    }
    signal.addEventListener("abort", finish, { once: true });
    if (signal.aborted) finish();
  });
}

/** Does what the proxy's messages say, to the files, the SSH agent and the terminal. */
class Desk {
  readonly #settings: Settings;
  readonly #machine: Machine;
  readonly #terminal: Terminal;
  readonly #copy: AgentCopy | undefined;
  #proxy: { readonly address: string; readonly hostKeys: readonly string[] } | undefined;
  #webAddress = "";

  constructor(settings: Settings, machine: Machine, to: { terminal: Terminal; copy: AgentCopy | undefined }) {
    this.#settings = settings;
    this.#machine = machine;
    this.#terminal = to.terminal;
    this.#copy = to.copy;
  }

  /** Whether a proxy has accepted us since the start. */
  get welcomed(): boolean {
    return this.#proxy !== undefined;
  }

  async take(message: NewsMessage): Promise<void> {
    switch (message.type) {
      case "welcome":
        return this.#welcome(message);
      case "state":
        this.#terminal.state(message.state, this.#webAddress);
        return;
      case "certificate":
        return this.#certificate(message);
      case "known-hosts":
        return this.#knownHosts(message.knownHosts);
      case "revoked":
        return this.#revoked(message.reason);
    }
  }

  async #welcome(message: Extract<NewsMessage, { readonly type: "welcome" }>): Promise<void> {
    this.#proxy = message.ssh;
    this.#webAddress = message.webAddress;
    this.#terminal.connected(this.#settings.server, message.user, this.#machine.paths.sshConfig);
    await this.#knownHosts(message.knownHosts);
    this.#terminal.state(message.state, message.webAddress);
    // No sign-in: what an earlier one left behind is worth nothing any more.
    if (message.state === "waiting") await this.#remove("session-gone");
  }

  async #certificate({
    line,
    validBefore,
  }: Extract<NewsMessage, { readonly type: "certificate" }>): Promise<void> {
    const { paths, publicKey } = this.#machine;
    const certificate = checkCertificate(line, publicKey, this.#settings.user);
    const earlier = await readCertificate(paths.cert, publicKey);
    await writeCertificate(paths.cert, line);
    this.#terminal.certificateWritten(paths.cert, validBefore);
    this.#copy?.put(certificate, earlier);
  }

  async #knownHosts(clusters: readonly ClusterHostKeys[]): Promise<void> {
    if (this.#proxy === undefined) return;
    await writeSshFiles(this.#settings.user, this.#machine.paths, this.#proxy, clusters);
  }

  async #revoked(reason: string): Promise<void> {
    if (!(await this.#remove(reason))) this.#terminal.noAccess(reason);
  }

  async #remove(reason: string): Promise<boolean> {
    const { paths, publicKey } = this.#machine;
    const removed = await removeCertificate(paths.cert, publicKey);
    if (removed === undefined) return false;
    this.#terminal.certificateRemoved(paths.cert, reason);
    this.#copy?.clear(removed);
    return true;
  }
}
