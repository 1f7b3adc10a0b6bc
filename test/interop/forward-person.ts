/**
 * A client of the test's own for the forward form: it says what no stock client would, and its forwarded agent is
 * whatever the test wants it to be.
 */
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { connectSsh } from "@teleport-access/ssh";
import type { SshClientConnection } from "@teleport-access/ssh";
import { publicKeyOf } from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";
import type { ForwardWorld } from "./forward-world.ts";
import { ALL_EXTENSIONS } from "./forward-world.ts";

export interface PersonOptions {
  /** The SSH user name. @default the good target */
  readonly wish?: string;
  readonly certificate?: Certificate;
  /** Opens the agent; "none" refuses the channel. @default the real agent */
  readonly agent?: (() => Duplex) | "none";
}

export interface Person {
  readonly connection: SshClientConnection;
  /** How often the agent was opened, and what is open of it now. */
  readonly agentChannels: { opened: number; open: number };
}

/** Connects as alice. */
export async function connectPerson(
  { world, agent: real }: ForwardWorld,
  { wish = `${world.login}@web-1.prod`, certificate, agent = () => connect(real.socket) }: PersonOptions = {},
): Promise<Person> {
  const connection = await connectSsh({
    host: "127.0.0.1",
    port: world.ports.ssh,
    user: wish,
    identity: {
      privateKey: world.keys.user,
      certificate: certificate ?? world.certificate({ extensions: ALL_EXTENSIONS }),
    },
    hostKeyPins: [publicKeyOf(world.keys.proxyHost)],
    timeoutMs: 10_000,
  });
  const agentChannels = { opened: 0, open: 0 };
  connection.onChannel("auth-agent@openssh.com", (channel) => {
    agentChannels.opened += 1;
    if (agent === "none") {
      channel.refuse("prohibited", "no agent here");
      return;
    }
    agentChannels.open += 1;
    const near = channel.accept();
    const far = agent();
    near.pipe(far).pipe(near);
    far.on("error", () => near.destroy());
    near.once("close", () => {
      agentChannels.open -= 1;
      far.destroy();
    });
  });
  return { connection, agentChannels };
}
