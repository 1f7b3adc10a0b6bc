/**
 * The estate of the matrix: the whole product in this process, real sshds behind
 * the agent, and one person who may do everything, with the files that the
 * key-helper would have written for her.
 */
import { randomBytes } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { createServer } from "node:net";
import type { AddressInfo, ListenOptions, Server } from "node:net";
import { chmodSync, mkdirSync } from "node:fs";
import { generatePrivateKey } from "@teleport-access/sshcert";
import { openSshMatrix, startSshAgent, writeIdentity } from "@teleport-access/testkit";
import type { OpenSsh, TestFolder } from "@teleport-access/testkit";
import { startProxyWorld } from "../proxy-world.ts";
import type { Behind, EstateKeys, ProxyWorld } from "../proxy-world.ts";
import { startTargetSshd } from "../target-sshd.ts";
import { startDisplay } from "./display.ts";
import type { FakeDisplay } from "./display.ts";
import { withAccount } from "./accounts.ts";
import type { Form, Route } from "./client.ts";
import { routeTo } from "./routes.ts";
import type { Person, RouteOptions, Target } from "./routes.ts";

/** Every extension that a grant can carry, as the product's own certificates have them. */
const EXTENSIONS = [
  "permit-pty",
  "permit-agent-forwarding",
  "permit-port-forwarding",
  "permit-X11-forwarding",
];
const PERMISSIONS = ["Shell", "Exec", "FileTransfer", "AgentForwarding", "PortForwarding", "X11Forwarding"];
/** An account that only the matrix's sshds know, see accounts.ts. */
export const UNPRIVILEGED = "deploy";
/** A target that re-keys by itself after each megabyte. */
export const REKEYING = "rekeying";
/** The second port on which web-1 is announced. */
export const SECOND_PORT = 2222;

export interface MatrixWorld {
  readonly folder: TestFolder;
  readonly openSshs: readonly OpenSsh[];
  readonly skipped: readonly string[];
  /** Bytes nobody can guess, and the file that has them. */
  readonly payload: Payload;
  /** The same, as many as "large" means. */
  readonly large: Payload;
  /** A TCP server that sends back what it is sent. */
  readonly echoPort: number;
  /** The same on a Unix socket. */
  readonly echoPath: string;
  readonly display: FakeDisplay;
  readonly estate: ProxyWorld;
  route(form: Form, scratch: string, options?: RouteOptions): Promise<Route>;
  /** A folder that the target's accounts may write to. */
  scratch(name: string): string;
  close(): Promise<void>;
}

export interface MatrixWorldOptions {
  readonly largeBytes: number;
}

export interface Payload {
  readonly bytes: Buffer;
  readonly file: string;
}

/** Enough for several windows and, at a megabyte each, for several key exchanges. */
const PAYLOAD_BYTES = 3 << 20;

export async function startMatrixWorld({ largeBytes }: MatrixWorldOptions): Promise<MatrixWorld> {
  const { installed, skipped } = openSshMatrix();
  const targets: Target[] = [];
  const hostKey = generatePrivateKey("Ed25519");
  const estate = await startProxyWorld({
    behind: (keys, folder) => startTargets(installed, { keys, folder, hostKey, targets }),
  });
  const person = await createPerson(estate, installed);
  const echo = await startEcho({ host: "127.0.0.1", port: 0 });
  const echoPath = estate.folder.file("echo.sock");
  const socketEcho = await startEcho({ path: echoPath });
  const display = await startDisplay(estate.folder);
  let onIpv6: Promise<ProxyWorld> | undefined;
  return {
    folder: estate.folder,
    openSshs: installed,
    skipped,
    payload: writePayload(estate.folder, "payload", PAYLOAD_BYTES),
    large: writePayload(estate.folder, "large", largeBytes),
    echoPort: (echo.address() as AddressInfo).port,
    echoPath,
    display,
    estate,
    async route(form, scratch, options = {}) {
      if (options.proxyOnIpv6 !== true)
        return routeTo({ estate, targets, hostKey, person }, form, scratch, options);
      onIpv6 ??= startProxyWorld({
        listenHost: "::1",
        behind: () => Promise.resolve({ sshds: [], targets: announced(targets) }),
        keys: estate.keys,
      }).then((second) => {
        widenGrants(second);
        return second;
      });
      return routeTo({ estate: await onIpv6, targets, hostKey, person }, form, scratch, options);
    },
    scratch: (name) => openFolder(estate.folder.file(name)),
    async close() {
      echo.close();
      socketEcho.close();
      display.close();
      await person.agent.stop();
      await (await onIpv6)?.close();
      await estate.close();
    },
  };
}

function writePayload(folder: TestFolder, name: string, size: number): Payload {
  const bytes = randomBytes(size);
  const file = folder.write(name, bytes);
  chmodSync(file, 0o644);
  return { bytes, file };
}

function openFolder(folder: string): string {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o777);
  return folder;
}

interface Parts {
  readonly keys: EstateKeys;
  readonly folder: TestFolder;
  readonly hostKey: KeyObject;
  readonly targets: Target[];
}

/** An sshd of each version; the older one is reached under several names. */
async function startTargets(installed: readonly OpenSsh[], parts: Parts): Promise<Behind> {
  const { keys, folder, hostKey, targets } = parts;
  openFolder(folder.file("x11"));
  const config = [
    "AcceptEnv LANG LC_*",
    "X11Forwarding yes",
    `SetEnv XAUTHORITY=${folder.file("x11")}/authority`,
    "ListenAddress ::1",
    "MaxSessions 20",
  ];
  async function start(
    openSsh: OpenSsh,
    names: readonly string[],
    more: readonly string[] = [],
  ): Promise<void> {
    const inNamespace = withAccount(openSsh, folder, UNPRIVILEGED);
    const sshd = await startTargetSshd(inNamespace, folder, {
      keys,
      names: names.map((name) => `${name}.prod`),
      hostKey,
      config: [...config, ...more],
    });
    targets.push(...names.map((name) => ({ name, host: name === "six" ? "::1" : "127.0.0.1", sshd })));
  }
  for (const [index, openSsh] of installed.entries()) {
    const own = `web-${index + 1}`;
    if (index > 0) await start(openSsh, [own]);
    else {
      await start(openSsh, [own, "web.eu", "six"]);
      await start(openSsh, [REKEYING], ["RekeyLimit 1M"]);
    }
  }
  return { sshds: [...new Set(targets.map(({ sshd }) => sshd))], targets: announced(targets) };
}

function announced(targets: readonly Target[]): Behind["targets"] {
  return targets.map(({ name, host, sshd }) => ({
    host: name,
    ports: [22, SECOND_PORT],
    address: host.includes(":") ? `[${host}]:${sshd.port}` : `${host}:${sshd.port}`,
  }));
}

/** Alice, who may do everything; her agent holds her certificate. */
async function createPerson(estate: ProxyWorld, [openSsh]: readonly OpenSsh[]): Promise<Person> {
  if (openSsh === undefined) throw new Error("no OpenSSH is installed");
  widenGrants(estate);
  const { folder, keys, login } = estate;
  const principals = [`${login}@prod`, `${UNPRIVILEGED}@prod`];
  const key = writeIdentity(
    folder,
    "id_ed25519",
    keys.user,
    estate.certificate({ extensions: EXTENSIONS, principals }),
  );
  const plainKey = writeIdentity(folder, "id_plain", generatePrivateKey("Ed25519"));
  const agent = await startSshAgent(openSsh, folder);
  await agent.add(key);
  return { key, plainKey, agent };
}

function widenGrants(estate: ProxyWorld): void {
  estate.set("UserAccess", "alice-prod", {
    userRef: { name: "alice" },
    clusters: ["prod"],
    logins: [estate.login, UNPRIVILEGED],
    permissions: PERMISSIONS,
  });
}

function startEcho(at: ListenOptions): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => undefined);
      socket.pipe(socket);
    });
    server.on("error", reject);
    server.listen(at, () => {
      resolve(server);
    });
  });
}
