/**
 * The ways to a target: what each client has to know of the servers on it, and the
 * files that the key-helper would have written for the person.
 */
import type { KeyObject } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { formatKnownHosts, formatSshConfig } from "@teleport-access/keyhelper";
import { formatPublicKeyLine, publicKeyOf } from "@teleport-access/sshcert";
import type { SshAgent, Sshd } from "@teleport-access/testkit";
import type { ProxyWorld } from "../proxy-world.ts";
import type { Form, Hop, Route } from "./client.ts";

export interface RouteOptions {
  /** @default the client's own target */
  readonly target?: string;
  readonly port?: number;
  /** To the proxy only. */
  readonly proxyOnly?: boolean;
  /** With a key that has no certificate. */
  readonly certified?: boolean;
  /** Through the proxy that listens on ::1. */
  readonly proxyOnIpv6?: boolean;
  /** Only in the forward form: `-A`. @default true */
  readonly forwardsAgent?: boolean;
  /** Only in the forward form: between login and target. @default "@" */
  readonly separator?: string;
  /** @default the account that runs this */
  readonly login?: string;
}

/** Targets of cluster prod and which sshd each is. */
export interface Target {
  readonly name: string;
  readonly host: string;
  readonly sshd: Sshd;
}

export interface Person {
  readonly key: string;
  readonly plainKey: string;
  readonly agent: SshAgent;
}

export interface Estate {
  readonly estate: ProxyWorld;
  readonly targets: readonly Target[];
  readonly hostKey: KeyObject;
  readonly person: Person;
}

/** How a client gets to a target in this form. */
export function routeTo(map: Estate, form: Form, scratch: string, options: RouteOptions): Route {
  const { estate, person } = map;
  const { certified, forwardsAgent, ...place } = {
    target: "web-1",
    port: 22,
    proxyOnly: false,
    certified: true,
    forwardsAgent: true,
    separator: "@",
    login: estate.login,
    ...options,
  };
  const key = certified ? person.key : person.plainKey;
  return {
    form,
    hops: hopsTo(map, form, place),
    target: `${place.target}.prod`,
    login: place.login,
    sshConfig: generatedConfig(estate, key, scratch),
    key,
    certified,
    agent: person.agent.socket,
    // An agent holds the certificate, and some clients sign in with whatever it has.
    forwardsAgent: form === "forward" && forwardsAgent && certified,
    scratch,
  };
}

interface Place {
  readonly target: string;
  readonly port: number;
  readonly proxyOnly: boolean;
  readonly login: string;
  readonly separator: string;
}

function hopsTo(map: Estate, form: Form, place: Place): Route["hops"] {
  const { target: name, port, proxyOnly, login, separator } = place;
  const { estate, targets, hostKey } = map;
  const { ports, keys } = estate;
  const [authority = ""] = estate.hostCaLines;
  const target = targets.find((one) => one.name === name);
  if (target === undefined) throw new Error(`no target ${name}`);
  const inside = {
    user: login,
    name: `${name}.prod`,
    hostKey: formatPublicKeyLine(publicKeyOf(hostKey)),
    authority,
  };
  if (form === "direct") return [{ ...inside, host: target.host, port: target.sshd.port }];
  const proxy: Hop = {
    host: estate.listenHost,
    port: ports.ssh,
    user: form === "forward" ? `${login}${separator}${name}.prod${port === 22 ? "" : `:${port}`}` : "alice",
    name: `[${estate.listenHost}]:${ports.ssh}`,
    hostKey: formatPublicKeyLine(publicKeyOf(keys.proxyHost)),
  };
  return form === "forward" || proxyOnly ? [proxy] : [proxy, { ...inside, host: `${name}.prod`, port }];
}

/** A person's own config, which includes exactly what the key-helper writes. */
function generatedConfig(estate: ProxyWorld, key: string, scratch: string): string {
  const { listenHost, ports, keys, hostCaLines } = estate;
  const proxy = { host: listenHost, port: ports.ssh };
  function write(name: string, content: string): string {
    const file = path.join(scratch, name);
    writeFileSync(file, content, { mode: 0o600 });
    return file;
  }
  const knownHostsPath = write(
    "known_hosts",
    formatKnownHosts(
      proxy,
      [formatPublicKeyLine(publicKeyOf(keys.proxyHost))],
      [{ cluster: "prod", keys: hostCaLines }],
    ),
  );
  const ownPath = path.join(scratch, "generated");
  const generated = formatSshConfig({
    user: "alice",
    proxy,
    clusters: ["prod"],
    keyPath: `${key}.pub`,
    certPath: `${key}-cert.pub`,
    knownHostsPath,
    ownPath,
  });
  write("generated", generated);
  const own = [
    `Include ${ownPath}`,
    "Host *",
    "  BatchMode yes",
    "  GlobalKnownHostsFile none",
    "  ConnectTimeout 10",
  ];
  return write("config", `${own.join("\n")}\n`);
}
