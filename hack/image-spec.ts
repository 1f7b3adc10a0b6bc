/**
 * What each image is: its files, its user, its environment, its command. The
 * archives that `hack/images` packs without a Docker daemon are made from this,
 * and check-images.ts holds the Dockerfiles under images/ to it.
 */
import type { Program } from "./bundle.ts";

/** The Debian release of every image. */
export const SUITE = "bookworm";

export type ImageName = "operator" | "proxy" | "cluster-agent" | "demo-sshd";

/** A layer of unpacked Debian packages, the same bytes in every image that names it. */
export interface BaseLayer {
  readonly packages: readonly string[];
  /** Whether the Node program of npm's node-linux-<arch> is /usr/bin/node. */
  readonly node: boolean;
  /** Accounts beside root: name, uid (= gid), home, shell. */
  readonly accounts: readonly Account[];
}

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly home: string;
  readonly shell: string;
}

export interface ImageSpec {
  readonly base: keyof typeof BASES;
  /** The bundle that becomes /app. */
  readonly bundle?: Program;
  /** Empty folders that exist beside the packages' own, with their owner. */
  readonly folders: readonly { readonly path: string; readonly uid: number; readonly mode: number }[];
  /** Files of the repository, copied to a place in the image. */
  readonly files: Readonly<Record<string, string>>;
  readonly user: string;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
}

const NOLOGIN = "/usr/sbin/nologin";

export const BASES = {
  node: {
    packages: ["ca-certificates", "libc6", "libgcc-s1", "libstdc++6", "tzdata"],
    node: true,
    accounts: [{ name: "app", uid: 65532, home: "/tmp", shell: NOLOGIN }],
  },
  sshd: {
    packages: ["bash", "coreutils", "ncurses-base", "openssh-server", "openssh-sftp-server", "rsync"],
    node: false,
    accounts: [
      { name: "sshd", uid: 100, home: "/run/sshd", shell: NOLOGIN },
      { name: "deploy", uid: 1000, home: "/home/deploy", shell: "/bin/bash" },
      { name: "nobody", uid: 65534, home: "/nonexistent", shell: NOLOGIN },
    ],
  },
} as const satisfies Readonly<Record<string, BaseLayer>>;

/** Node's own list of authorities is older than Debian's; both are read. */
const NODE_ENV = {
  PATH: "/usr/bin:/bin",
  NODE_ENV: "production",
  SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt",
};

/** Counts ssh2's packet buffers with the heap limit instead of starting a full collection for them: a third less CPU per byte. */
const LARGE_BUFFERS = "--external-memory-accounted-in-global-limit";

const NODE_IMAGE = {
  base: "node",
  folders: [],
  files: {},
  user: "65532:65532",
  workdir: "/app",
  env: NODE_ENV,
} as const;

export const IMAGES: Readonly<Record<ImageName, ImageSpec>> = {
  operator: {
    ...NODE_IMAGE,
    bundle: "operator",
    entrypoint: ["/usr/bin/node", "/app/main.js"],
  },
  proxy: {
    ...NODE_IMAGE,
    bundle: "proxy",
    entrypoint: ["/usr/bin/node", LARGE_BUFFERS, "/app/main.js"],
  },
  "cluster-agent": {
    ...NODE_IMAGE,
    bundle: "cluster-agent",
    entrypoint: ["/usr/bin/node", LARGE_BUFFERS, "/app/main.js"],
  },
  // A stock OpenSSH server for the examples: it starts as root, as sshd must to
  // serve several accounts, and reads its host key and configuration from
  // /etc/teleport-access (a HostCertificate's Secret and the <cluster>-sshd ConfigMap).
  "demo-sshd": {
    base: "sshd",
    folders: [
      { path: "/run/sshd", uid: 0, mode: 0o755 },
      { path: "/root", uid: 0, mode: 0o700 },
      { path: "/home/deploy", uid: 1000, mode: 0o755 },
    ],
    files: { "images/demo-sshd/sshd_config": "/etc/ssh/sshd_config" },
    user: "0:0",
    workdir: "/",
    env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
    entrypoint: ["/usr/sbin/sshd", "-D", "-e"],
  },
};
