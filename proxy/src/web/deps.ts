/**
 * What the web server needs from the rest of the proxy.
 */
import type { Duplex } from "node:stream";
import type { AnnouncedTarget } from "@teleport-access/access";
import type { Clock, Logger, Metrics } from "@teleport-access/daemon";
import type { KubeClient } from "@teleport-access/kube";
import type { PeerAddress } from "@teleport-access/ssh";
import type { SshPublicKey } from "@teleport-access/sshcert";
import type { ProxyConfig } from "@teleport-access/wire";
import type { AccessStore } from "../acl/store.ts";
import type { Audit } from "../audit.ts";
import type { UserCa } from "../ca/user-ca.ts";
import type { Introduce } from "../introductions.ts";
import type { CodeDeps } from "../signin/code-check.ts";

/** The web TLS key and chain, PEM. */
export interface TlsFiles {
  readonly key: string;
  readonly cert: string;
}

/** Everything that createWebServer is given. */
export interface WebDeps {
  /** The configuration as it is now. */
  config(): ProxyConfig;
  readonly namespace: string;
  readonly store: AccessStore;
  readonly ca: UserCa;
  readonly kube: KubeClient;
  /** The counters of one-time codes, which the SSH port shares. */
  readonly codes: CodeDeps;
  /** 32 bytes, shared by all proxies of the namespace. */
  readonly sessionKey: Buffer;
  tls(): TlsFiles;
  /** Calls back when tls() answers something new; returns how to stop. */
  onTlsChange(listener: () => void): () => void;
  /** The proxy's own SSH host keys. */
  hostKeys(): readonly SshPublicKey[];
  /** What the agents of a cluster say they can dial. @default none */
  readonly announcedTargets?: (cluster: string) => readonly AnnouncedTarget[];
  /** Who is behind a new connection, when a load balancer's word counts. */
  readonly introduce?: Introduce | undefined;
  /** Takes over an agent's SSH connection that came in a WebSocket. @default agents are turned away */
  readonly serveTunnel?: (stream: Duplex, address: PeerAddress) => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly audit: Audit;
  readonly metrics: Metrics;
  /** Where the browser's files are, as build-ui.ts made them. @default ui/ beside this program */
  readonly uiDirectory?: URL | string;
}
