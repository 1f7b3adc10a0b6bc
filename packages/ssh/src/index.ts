/**
 * SSH connections: servers, clients, channels and relays.
 *
 * The only package that touches ssh2, of which it uses the transport alone
 * (key exchange and encryption); authentication, channels and relays are here.
 * Call `startSsh2` first. Connections know no users, clusters or grants: who may
 * do what is asked of the program through callbacks, and refused without one.
 */
export { startSsh2 } from "./startup.ts";
export type { Ssh2Facts } from "./startup.ts";
export { ChannelRefusedError, SshError, SshStartupError } from "./errors.ts";
export type { OpenRefusal, SshErrorCode } from "./errors.ts";
export {
  CHANNEL_WINDOW,
  GOODBYE_MS,
  MAX_AGENT_MESSAGE_BYTES,
  TUNNEL_LIMITS,
  USER_LIMITS,
  WEBSOCKET_FRAME_BYTES,
} from "./limits.ts";
export type { SshServerLimits } from "./limits.ts";
export type { HostKey } from "./key-exchange.ts";
export type { AuthMethod, AuthRequest, OfferedKey, ProofRefusal } from "./auth-request.ts";
export type { AuthChallenge, AuthVerdict } from "./auth-server.ts";
export { createSshServer } from "./server.ts";
export type { Introduction } from "./reception.ts";
export type { SshConnection, SshServer, SshServerOptions } from "./server.ts";
export type { ArrivedPeer, DepartedPeer, RefusedPeer, SshRefusal } from "./server-peers.ts";
export { connectSsh } from "./client.ts";
export type { SshClientConnection, SshClientOptions } from "./client.ts";
export { agentClient, agentIdentities } from "./agent.ts";
export type { AgentClient, OpenAgent } from "./agent.ts";
export type { SshIdentities, SshIdentity } from "./auth-client.ts";
export type { ClientSession, SessionExit, SessionOptions } from "./client-session.ts";
export type { IncomingChannel, NegotiatedAlgorithms, PeerAddress, SshPeer } from "./connection.ts";
export type { ChannelRefusal } from "./channel-request.ts";
export type { Answer } from "./channel.ts";
export type { SshChannel } from "./channel-stream.ts";
export { DIRECT_STREAMLOCAL, encodeDirectStreamlocal, onDirectStreamlocal } from "./direct-streamlocal.ts";
export type { DirectStreamlocalRequest } from "./direct-streamlocal.ts";
export { decodeDirectTcpip, encodeDirectTcpip } from "./direct-tcpip.ts";
export type { DirectTcpipRequest, DirectTcpipTarget } from "./direct-tcpip.ts";
export { answerAndExit, replyAndExit } from "./session.ts";
export type {
  SessionRequest,
  PtyRequest,
  SessionReply,
  SessionStart,
  SshSession,
  WindowSize,
} from "./session.ts";
export { relaySession } from "./session-relay.ts";
export type { SessionPlan, SessionRelay, SessionRelayOptions } from "./session-relay.ts";
export { spliceChannels, spliceSocket } from "./splice.ts";
export type { Splice } from "./splice.ts";
export { AGENT_KEEPALIVE, TUNNEL_KEEPALIVE, USER_KEEPALIVE } from "./keepalive.ts";
export type { KeepalivePolicy } from "./keepalive.ts";
export { REKEY } from "./rekey.ts";
export type { RekeyPolicy } from "./rekey.ts";
export { webSocketStream } from "./websocket-stream.ts";
