/**
 * The person's forwarded agent, as far as a login needs it: it is asked which certificates it holds and to sign
 * once, by the certificate of the person who is connected, and is let go.
 */
import { decide } from "@teleport-access/access";
import type { World } from "@teleport-access/access";
import { agentClient } from "@teleport-access/ssh";
import type { AgentClient, SshIdentity } from "@teleport-access/ssh";
import type { Certificate } from "@teleport-access/sshcert";
import type { UserIdentity } from "../authenticate.ts";
import type { ForwardContext } from "./context.ts";
import { ForwardFailure } from "./refusal.ts";

/** The channel that leads to the agent of the client's user. */
export const AGENT_CHANNEL = "auth-agent@openssh.com";

/** A certificate and the agent that signs for it. */
export type Signer = Extract<SshIdentity, { sign: unknown }>;

/** An agent that is being asked. */
export interface AskedAgent {
  /** Who to log in as. Rejects with ForwardFailure. */
  readonly signer: Promise<Signer>;
  /** Lets the agent go, whatever it is doing. */
  close(): void;
}

/** Asks for the certificate to log in with; it signs once. */
export function askAgent(context: ForwardContext): AskedAgent {
  const opened = openAgent(context.connection);
  const signer = opened.then((agent) => findSigner(agent, context));
  // Whoever waits for it hears of it; nobody may.
  signer.catch(() => undefined);
  return {
    signer,
    close: () => {
      opened.then(
        (agent) => {
          agent.close();
        },
        () => undefined,
      );
    },
  };
}

async function findSigner(agent: AgentClient, { connection, deps }: ForwardContext): Promise<Signer> {
  try {
    const held = await agent.certificates();
    const certificate = pickCertificate(held, connection.identity, deps.store.world(deps.clock.now()));
    if (certificate === undefined) throw new ForwardFailure("agent-without-certificate");
    return { certificate, sign: (data, algorithm) => signOnce(agent, certificate, data, algorithm) };
  } catch (error) {
    agent.close();
    throw error instanceof ForwardFailure ? error : new ForwardFailure("agent-failed", error);
  }
}

async function openAgent(connection: ForwardContext["connection"]): Promise<AgentClient> {
  try {
    return agentClient(await connection.openChannel(AGENT_CHANNEL, Buffer.alloc(0)));
  } catch (error) {
    throw new ForwardFailure("agent-not-forwarded", error);
  }
}

async function signOnce(agent: AgentClient, ...question: Parameters<AgentClient["sign"]>): Promise<Buffer> {
  try {
    return await agent.sign(...question);
  } finally {
    agent.close();
  }
}

/**
 * The very certificate that the person came with, or a newer or older one of theirs for the same key: same user,
 * our CA, and good by itself. Plain keys, other people's and other CAs' certificates are never used.
 */
export function pickCertificate(
  held: readonly Certificate[],
  { user, certificate: shown, request }: Pick<UserIdentity, "user" | "certificate" | "request">,
  world: World,
): Certificate | undefined {
  const same = held.find(({ blob }) => blob.equals(shown.blob));
  if (same !== undefined) return same;
  return held
    .filter(({ keyId, publicKey }) => keyId === user && publicKey.blob.equals(shown.publicKey.blob))
    .filter((certificate) => {
      const identity = { by: "certificate", certificate } as const;
      return decide({ ...request, identity }, world).allowed;
    })
    .reduce<Certificate | undefined>(
      (best, one) => (best === undefined || one.validBefore > best.validBefore ? one : best),
      undefined,
    );
}
