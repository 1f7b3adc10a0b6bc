/**
 * One login at a target: a channel through the cluster's tunnel, the key exchange and the host's certificate at
 * once; the authentication when the person's agent may be asked. In the session registry from its beginning.
 */
import type { AccessRefusal } from "@teleport-access/access";
import { errorFields } from "@teleport-access/daemon";
import { connectSsh, SshError, USER_KEEPALIVE, USER_LIMITS } from "@teleport-access/ssh";
import type { SshChannel, SshClientConnection, SshErrorCode, SshIdentity } from "@teleport-access/ssh";
import type { Certificate } from "@teleport-access/sshcert";
import { certificateFields } from "../../certificate-fields.ts";
import type { OpenSession, OrdinaryEnd } from "../../sessions/registry.ts";
import { dialRefusalOf } from "../dial-refusal.ts";
import { dialTarget } from "../target-dial.ts";
import { askAgent } from "./agent-login.ts";
import type { AskedAgent, Signer } from "./agent-login.ts";
import type { Allowed, ForwardContext } from "./context.ts";
import { ForwardFailure } from "./refusal.ts";
import type { ForwardRefusal } from "./refusal.ts";
import { addressOf, hostNameOf } from "./target-name.ts";

/** What the target may take for each step; what the person's agent takes is not counted. */
const TARGET_MS = 20_000;

export class LoginAttempt {
  /** The logged-in connection. Rejects with ForwardFailure. */
  readonly connection: Promise<SshClientConnection>;
  readonly #context: ForwardContext;
  readonly #allowed: Allowed;
  readonly #entries: OpenSession[];
  readonly #startedAt: number;
  readonly #agentAllowed = Promise.withResolvers<undefined>();
  #agent: AskedAgent | undefined;
  #cutReason: AccessRefusal | undefined;
  #transport: SshChannel | undefined;
  #target: SshClientConnection | undefined;
  #signFailure: unknown;
  #over = false;

  constructor(context: ForwardContext, allowed: Allowed) {
    this.#context = context;
    this.#allowed = allowed;
    this.#startedAt = context.deps.clock.monotonic();
    this.#entries = [this.#enter(allowed)];
    this.connection = this.#run();
    // Whoever waits for it hears of it; nobody may.
    this.connection.catch(() => undefined);
  }

  /** Whether it has failed or ended. */
  get over(): boolean {
    return this.#over;
  }

  /** Whether the person is logged in. */
  get up(): boolean {
    return this.#target !== undefined && !this.#over;
  }

  /** Whether something waits for it. */
  get wanted(): boolean {
    return this.#agent !== undefined;
  }

  /** Why what is open in it ended, once it did. */
  get endReason(): ForwardRefusal {
    return this.#cutReason ?? "target-lost";
  }

  /** Asks the person's agent, once; not for a login that cannot be any more. */
  askAgent(): void {
    if (this.#agent !== undefined || this.#over) return;
    this.#agent = askAgent(this.#context);
    this.#agentAllowed.resolve(undefined);
  }

  /** Ends it, and everything in it, at once. */
  end(reason: OrdinaryEnd): void {
    this.#over = true;
    this.#agent?.close();
    for (const entry of this.#entries) entry.end(reason);
    this.#target?.destroy();
    this.#transport?.destroy();
  }

  #enter(allowed: Allowed): OpenSession {
    return this.#context.open("target", allowed, {
      cut: (reason) => {
        this.#cutReason = reason;
        this.end("failed");
      },
    });
  }

  async #run(): Promise<SshClientConnection> {
    try {
      const target = await this.#connect();
      this.#target = target;
      if (this.#over) throw new ForwardFailure("target-lost");
      await this.#loggedIn(target);
      return target;
    } catch (error) {
      throw this.#failed(error);
    } finally {
      this.#agent?.close();
    }
  }

  async #connect(): Promise<SshClientConnection> {
    const { target, deps } = this.#context;
    const transport = await this.#openTransport();
    this.#transport = transport;
    if (this.#over) {
      transport.destroy();
      throw new ForwardFailure("target-lost");
    }
    const name = hostNameOf(target);
    return await connectSsh({
      ...{ host: name, port: target.port, user: target.login, transport, hostname: name },
      hostAuthorities: deps.store.world(deps.clock.now()).cluster(target.cluster)?.authorities ?? [],
      identity: () => this.#identities(),
      timeoutMs: TARGET_MS,
      // A tunnel that hangs is replaced by another; a target is not, and what runs there comes back with it.
      keepalive: USER_KEEPALIVE,
      maxChannels: USER_LIMITS.channelsPerConnection,
      channelOpens: USER_LIMITS.channelOpens,
      rekey: deps.rekey,
      clock: deps.clock,
    });
  }

  async #openTransport(): Promise<SshChannel> {
    const { target, deps, connection } = this.#context;
    const { host, port, cluster } = target;
    if (deps.tunnels.leastBusy(cluster) === undefined) throw new ForwardFailure("no-tunnel");
    const { user, source } = connection.identity;
    const sessionId = this.#entries[0]?.id ?? "";
    try {
      const { channel } = await dialTarget(
        {
          cluster,
          request: { host, port, user, sessionId, clientAddress: source },
          form: "forward",
          line: { user, cluster, target: addressOf(target), connection: connection.id },
          wanted: () => !this.#over,
        },
        deps,
      );
      return channel;
    } catch (error) {
      throw new ForwardFailure(dialRefusalOf(error), error);
    }
  }

  async #identities(): Promise<readonly SshIdentity[]> {
    await this.#agentAllowed.promise;
    const signer = await this.#agent?.signer;
    if (signer === undefined) throw new ForwardFailure("agent-not-forwarded");
    return [{ ...signer, sign: (data, algorithm) => this.#sign(signer, [data, algorithm]) }];
  }

  /** What an agent does wrong must not look like the target's refusal. */
  async #sign(signer: Signer, question: Parameters<Signer["sign"]>): Promise<Buffer> {
    try {
      return await signer.sign(...question);
    } catch (error) {
      this.#signFailure = error;
      throw error;
    }
  }

  async #loggedIn(target: SshClientConnection): Promise<void> {
    const signer = await this.#agent?.signer;
    const used = signer?.certificate ?? this.#context.connection.identity.certificate;
    this.#judgeToo(used);
    this.#context.allowed("target.login", this.#allowed.grants, {
      ...this.#line(),
      certificate: certificateFields(used),
      detail: { keyExchange: target.algorithms.keyExchange, cipher: target.algorithms.cipher },
    });
    void target.closed.then(() => {
      this.end("target-closed");
    });
  }

  /** A certificate other than the one that the person came with ends, and is judged, by itself. */
  #judgeToo(used: Certificate): void {
    if (used.blob.equals(this.#context.connection.identity.certificate.blob)) return;
    const identity = { by: "certificate", certificate: used } as const;
    this.#entries.push(this.#enter({ ...this.#allowed, request: { ...this.#allowed.request, identity } }));
  }

  #failed(error: unknown): ForwardFailure {
    const reason = this.#signFailure === undefined ? reasonOf(error) : "agent-failed";
    const { deps, target } = this.#context;
    const fields = errorFields(this.#signFailure ?? error);
    deps.log.info("no login at the target", { target: hostNameOf(target), ...fields });
    if (!this.#over) this.#context.denied("target.login", reason, this.#line());
    this.end("failed");
    return new ForwardFailure(reason, error);
  }

  #line(): { readonly session: string; readonly elapsedMs: number } {
    const elapsed = this.#context.deps.clock.monotonic() - this.#startedAt;
    return { session: this.#entries[0]?.id ?? "", elapsedMs: Math.round(elapsed * 1000) / 1000 };
  }
}

const REASONS: Readonly<Partial<Record<SshErrorCode, ForwardRefusal>>> = {
  SSH_HOST_KEY_MISMATCH: "target-host-not-trusted",
  SSH_AUTH_REFUSED: "target-login-refused",
  SSH_TIMEOUT: "target-unreachable",
  SSH_CONNECTION_CLOSED: "target-lost",
};

/** Our own failures may come wrapped by the connection that they failed. */
function reasonOf(error: unknown): ForwardRefusal {
  if (error instanceof ForwardFailure) return error.reason;
  if (!(error instanceof SshError)) return "target-protocol-error";
  if (error.cause instanceof ForwardFailure) return error.cause.reason;
  return REASONS[error.code] ?? "target-protocol-error";
}
