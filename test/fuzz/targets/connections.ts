/**
 * Targets that are whole connections in memory: a server fed by a client, and a
 * client fed by a server, after a real key exchange; and the unencrypted beginning.
 *
 * An input is a list of messages (SSH strings), changed one by one. The connection
 * may end as often as it likes, with the product's own error: what is looked for is an
 * exception that leaves it, which would end the process, and work without end.
 */
import { Duplex, duplexPair } from "node:stream";

import {
  agentIdentities,
  ChannelRefusedError,
  connectSsh,
  createSshServer,
  DIRECT_STREAMLOCAL,
  encodeDirectStreamlocal,
  encodeDirectTcpip,
  onDirectStreamlocal,
  SshError,
} from "@teleport-access/ssh";
import type { SshServer } from "@teleport-access/ssh";
import {
  generatePrivateKey,
  publicKeyOf,
  SshFormatError,
  SshReader,
  SshWriter,
} from "@teleport-access/sshcert";

import { offerHostKeys } from "../../../packages/ssh/src/key-exchange.ts";
import { testAuthority, testIdentity } from "../../../packages/ssh/src/testing/certified.ts";
import {
  message,
  rawClient,
  RawPeer,
  requestBody,
  signedRequest,
} from "../../../packages/ssh/src/testing/raw-peer.ts";
import { MSG } from "../../../packages/ssh/src/messages.ts";
import type { FuzzTarget } from "../engine.ts";
import { mutate } from "../mutate.ts";
import type { Random } from "../random.ts";

const NO_LIMITS = {
  handshakesPerSecond: 1e9,
  unauthenticatedPerAddress: 1e9,
  unauthenticated: 1e9,
  connections: 1e9,
};
const identity = testIdentity(testAuthority());
const hostKeys = [{ privateKey: generatePrivateKey("Ed25519") }];

function newServer(): SshServer {
  return createSshServer<string>({
    hostKeys: () => hostKeys,
    limits: NO_LIMITS,
    authenticate: ({ key }) =>
      key?.kind === "certificate" ? { accept: true, identity: "alice" } : { accept: false },
    connected(connection) {
      connection.onSession((request) => {
        const session = request.accept();
        session.onStart(() => true);
      });
      connection.onDirectTcpip((request) => {
        const channel = request.accept();
        channel.on("error", () => undefined);
        channel.pipe(channel);
      });
      onDirectStreamlocal(connection, (request) => {
        request.refuse("prohibited", request.path);
      });
    },
  });
}

function open(type: string, payload: Buffer = Buffer.alloc(0)): Buffer {
  return message(MSG.CHANNEL_OPEN).string(type).u32(0).u32(100_000).u32(32_768).raw(payload).done();
}

function ask(name: string, fields: SshWriter = new SshWriter()): Buffer {
  return message(MSG.CHANNEL_REQUEST).u32(0).string(name).u8(1).raw(fields.done()).done();
}

const PTY = new SshWriter().string("xterm").u32(80).u32(24).u32(0).u32(0).string(Buffer.of(0));
const TARGET = { host: "web-1.prod", port: 22, originAddress: "127.0.0.1", originPort: 1 };

/** What may be said at any time once channels 0 and 1 are open. */
const SMALL_TALK: readonly Buffer[] = [
  message(MSG.CHANNEL_DATA).u32(0).string("data").done(),
  message(MSG.CHANNEL_DATA).u32(1).string(Buffer.alloc(100)).done(),
  message(MSG.CHANNEL_WINDOW_ADJUST).u32(1).u32(1000).done(),
  message(MSG.GLOBAL_REQUEST).string("keepalive@openssh.com").u8(1).done(),
  message(MSG.GLOBAL_REQUEST).string("tcpip-forward").u8(1).string("").u32(0).done(),
  message(MSG.IGNORE).string("x").done(),
  message(MSG.DEBUG).u8(0).string("x").string("").done(),
  message(MSG.UNIMPLEMENTED).u32(3).done(),
  ask("window-change", new SshWriter().u32(100).u32(40).u32(0).u32(0)),
  open("unknown@example.com"),
];

/** What a client says once it is in, in an order that makes sense. */
const CLIENT_DIALOG: readonly Buffer[] = [
  open("session"),
  ask("env", new SshWriter().string("LANG").string("C")),
  ask("pty-req", PTY),
  ask("exec", new SshWriter().string("ls")),
  open("direct-tcpip", encodeDirectTcpip(TARGET)),
  open(DIRECT_STREAMLOCAL, encodeDirectStreamlocal("/run/postgresql/.s.PGSQL.5432")),
  ...SMALL_TALK,
  ask("signal", new SshWriter().string("TERM")),
  message(MSG.GLOBAL_REQUEST).string("no-more-sessions@openssh.com").u8(0).done(),
  message(MSG.CHANNEL_EOF).u32(1).done(),
  message(MSG.CHANNEL_CLOSE).u32(1).done(),
];
const CLIENT_ARRIVAL: readonly Buffer[] = [
  message(MSG.SERVICE_REQUEST).string("ssh-userauth").done(),
  message(MSG.USERAUTH_REQUEST).string("alice").string("ssh-connection").string("none").done(),
  requestBody("alice", identity.certificate.certType, identity.certificate.blob, false),
  message(MSG.USERAUTH_INFO_RESPONSE).u32(1).string("123456").done(),
  ask("shell"),
  ask("subsystem", new SshWriter().string("sftp")),
];

/** What a server says to a client that has opened a session (0) and a connection (1). */
const SERVER_DIALOG: readonly Buffer[] = [
  message(MSG.CHANNEL_OPEN_CONFIRMATION).u32(0).u32(0).u32(100_000).u32(32_768).done(),
  message(MSG.CHANNEL_OPEN_CONFIRMATION).u32(1).u32(1).u32(100_000).u32(32_768).done(),
  message(MSG.CHANNEL_SUCCESS).u32(0).done(),
  ...SMALL_TALK,
  message(MSG.CHANNEL_EXTENDED_DATA).u32(0).u32(1).string("error").done(),
  open("auth-agent@openssh.com"),
  ask("exit-signal", new SshWriter().string("TERM").u8(0).string("").string("")),
  ask("exit-status", new SshWriter().u32(0)),
  message(MSG.CHANNEL_EOF).u32(0).done(),
  message(MSG.CHANNEL_CLOSE).u32(0).done(),
];
const SERVER_ARRIVAL: readonly Buffer[] = [
  message(MSG.EXT_INFO).u32(1).string("server-sig-algs").string("ssh-ed25519").done(),
  message(MSG.SERVICE_ACCEPT).string("ssh-userauth").done(),
  message(MSG.USERAUTH_BANNER).string("hello").string("").done(),
  message(MSG.USERAUTH_FAILURE).string("publickey").u8(0).done(),
  message(MSG.USERAUTH_SUCCESS).done(),
  message(MSG.USERAUTH_60).string("ssh-ed25519").string("blob").done(),
  message(MSG.CHANNEL_OPEN_FAILURE).u32(0).u32(1).string("no").string("").done(),
  message(MSG.CHANNEL_FAILURE).u32(0).done(),
];

function pack(messages: readonly Buffer[]): Buffer {
  return messages.reduce((writer, one) => writer.string(one), new SshWriter()).done();
}

/** The messages of an input; what is cut off at its end is left out. */
function unpack(input: Buffer): Buffer[] {
  const reader = new SshReader(input);
  const messages: Buffer[] = [];
  try {
    while (reader.left > 0) messages.push(reader.string());
  } catch (error) {
    if (!(error instanceof SshFormatError)) throw error;
  }
  return messages;
}

const MESSAGES_PER_CONNECTION = 60;

/** The input in its order with some of it changed, then small talk: a connection that dies at once shows little. */
function talk(arrival: readonly Buffer[], input: Buffer, random: Random): Buffer[] {
  const given = unpack(input);
  const pool = [...given, ...arrival, ...SMALL_TALK];
  const more = Array.from({ length: Math.max(MESSAGES_PER_CONNECTION - given.length, 0) }, () =>
    random.pick(SMALL_TALK),
  );
  const said = [...given, ...more].map((one) => {
    if (random.once(12)) return mutate(pool, random);
    return random.once(40) ? random.pick(pool) : one;
  });
  return said.filter((one) => one.length > 0);
}

/** Whether the peer is authenticated first: when it begins with what only makes sense then, and now and then anyway. */
function beginsInside(input: Buffer, random: Random): boolean {
  const inside = (unpack(input)[0]?.[0] ?? 0) >= MSG.GLOBAL_REQUEST;
  return random.once(10) ? !inside : inside;
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise(setImmediate);
}

/** Sends until the connection has enough; returns how many messages went. */
async function feed(peer: RawPeer, messages: readonly Buffer[]): Promise<number> {
  let sent = 0;
  for (const one of messages) {
    if (peer.transport.finished) break;
    peer.transport.send(one);
    sent += 1;
    // Now and then the other side gets its turn, and may end it all.
    if (sent % 4 === 0) await turns(1);
  }
  await turns(3);
  peer.transport.end("enough");
  await turns(2);
  return Math.max(sent, 1);
}

let server: SshServer | undefined;

const packetServer: FuzzTarget = {
  name: "packet-server",
  seeds: () => [pack(CLIENT_DIALOG), pack([...CLIENT_ARRIVAL, ...CLIENT_DIALOG])],
  async run(input, random) {
    const peer = rawClient((server ??= newServer()));
    await peer.secured;
    if (beginsInside(input, random)) {
      peer.send(message(MSG.SERVICE_REQUEST).string("ssh-userauth"));
      peer.send(signedRequest(peer.transport.sessionId, "alice", identity));
    }
    return feed(peer, talk(CLIENT_ARRIVAL, input, random));
  },
};

const packetClient: FuzzTarget = {
  name: "packet-client",
  seeds: () => [pack(SERVER_DIALOG), pack([...SERVER_ARRIVAL, ...SERVER_DIALOG])],
  async run(input, random) {
    const [near, far] = duplexPair();
    const peer = new RawPeer(near, { kind: "server", hostKeys: offerHostKeys(hostKeys) });
    const connecting = connectSsh({
      host: "fuzz",
      port: 0,
      transport: far,
      user: "alice",
      identity,
      hostKeyPins: hostKeys.map(({ privateKey }) => publicKeyOf(privateKey)),
      timeoutMs: 60_000,
    });
    const used = connecting.then((connection) => {
      connection.onChannel("auth-agent@openssh.com", (channel) =>
        channel.accept().on("error", () => undefined),
      );
      connection.session({ kind: "exec", command: "ls" }).catch(ownError);
      connection
        .openChannel("direct-tcpip", encodeDirectTcpip(TARGET))
        .then((channel) => channel.on("error", () => undefined), ownError);
    }, ownError);
    await peer.secured;
    if (beginsInside(input, random)) {
      peer.send(message(MSG.SERVICE_ACCEPT).string("ssh-userauth"));
      peer.send(message(MSG.USERAUTH_SUCCESS));
      await turns(2);
    }
    const sent = await feed(peer, talk(SERVER_ARRIVAL, input, random));
    far.destroy();
    await used;
    return sent;
  },
};

function ownError(error: unknown): void {
  if (error instanceof SshFormatError || error instanceof SshError || error instanceof ChannelRefusedError)
    return;
  throw error;
}

/** What a client sends before anything is encrypted. */
function hello(): Buffer {
  const lists = ["mlkem768x25519-sha256,curve25519-sha256,ext-info-c", "ssh-ed25519"];
  const ciphers = ["aes128-gcm@openssh.com", "aes128-gcm@openssh.com", "hmac-sha2-256", "hmac-sha2-256"];
  const init = message(20).raw(Buffer.alloc(16, 7));
  for (const list of [...lists, ...ciphers, "none", "none", "", ""]) init.string(list);
  const packets = [
    init.u8(0).u32(0).done(),
    message(30).string(Buffer.alloc(32, 9)).done(),
    message(21).done(),
  ];
  return Buffer.concat([Buffer.from("SSH-2.0-fuzz\r\n"), ...packets.map(packet)]);
}

function packet(payload: Buffer): Buffer {
  const padding = 8 - ((payload.length + 5) % 8) + (8 - ((payload.length + 5) % 8) < 4 ? 8 : 0);
  const head = new SshWriter().u32(payload.length + padding + 1).u8(padding);
  return head.raw(payload).raw(Buffer.alloc(padding)).done();
}

const handshake: FuzzTarget = {
  name: "handshake",
  seeds: () => [hello(), Buffer.from("SSH-1.99-x\nSSH-2.0-y\r\n"), Buffer.from("GET / HTTP/1.1\r\n\r\n")],
  async run(input) {
    const [near, far] = duplexPair();
    near.on("error", () => undefined).resume();
    (server ??= newServer()).inject(far, { remoteAddress: "192.0.2.1", remotePort: 0 });
    near.write(input);
    await turns(2);
    near.destroy();
    far.destroy();
    return 1;
  },
};

/** An agent that answers with the input, whatever it is asked. */
class AnyAgent extends Duplex {
  readonly #answer: Buffer;

  constructor(answer: Buffer) {
    super();
    this.#answer = answer;
  }

  override _read(): void {
    // Answers are pushed when a question has come.
  }

  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    done();
    this.push(this.#answer);
    this.push(null);
  }
}

const agent: FuzzTarget = {
  name: "agent",
  seeds: () => {
    const list = new SshWriter().u8(12).u32(2).string(identity.certificate.blob).string("alice");
    const answer = list.string(publicKeyOf(identity.privateKey).blob).string("plain").done();
    const signature = new SshWriter().string("ssh-ed25519").string(Buffer.alloc(64)).done();
    const signed = new SshWriter().u8(14).string(signature).done();
    return [answer, signed, Buffer.of(5)].map((one) => new SshWriter().string(one).done());
  },
  async run(input) {
    try {
      const found = await agentIdentities(
        () => Promise.resolve(new AnyAgent(input)),
        () => true,
      );
      for (const one of found) if ("sign" in one) await one.sign(Buffer.from("data"), "ssh-ed25519");
    } catch (error) {
      if (!(error instanceof SshError) && !(error instanceof SshFormatError)) throw error;
    }
    return 1;
  },
};

export const CONNECTIONS: readonly FuzzTarget[] = [packetServer, packetClient, handshake, agent];
