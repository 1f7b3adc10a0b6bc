/**
 * The layer at the bottom of an image: Debian packages unpacked (no maintainer
 * script runs, nothing is installed on this machine), accounts, and Node. It is
 * made once and kept in the user's cache under a name that says what it is made
 * of, so that all images share the very same bytes.
 */
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  createReadStream,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./bundle.ts";
import { ensurePrograms, type Need } from "./debian-packages.ts";
import { SUITE, type BaseLayer } from "./image-spec.ts";

/** Raise when the recipe below changes what comes out of the same inputs. */
const RECIPE = 2;

export interface Layer {
  /** Where the uncompressed tar is. */
  readonly path: string;
  /** sha256 of the tar, in hex. */
  readonly digest: string;
  readonly size: number;
}

const CACHE = join(
  process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
  "teleport-access",
  "image-layers",
);
const ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";

/** What dpkg would leave out on a small machine, and what only a running Debian needs. */
const LEFT_OUT = [
  ...["boot", "dev", "media", "mnt", "opt", "proc", "srv", "sys", "etc/apt", "etc/cron.daily"],
  ...["etc/systemd", "lib/systemd", "usr/lib/systemd", "etc/init.d", "etc/pam.d", "etc/security"],
  // mmdebstrap copies these two from the machine it runs on.
  ...["etc/hostname", "etc/resolv.conf", "etc/fstab"],
  ...["var/cache", "var/lib/apt", "var/log", "usr/share/bug", "usr/share/lintian", "usr/share/locale"],
  ...["usr/share/doc", "usr/share/info", "usr/share/man", "usr/share/bash-completion", "usr/share/runit"],
];

function run(command: string, args: readonly string[], options: { readonly input?: string } = {}): string {
  const result = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 26, ...options });
  if (result.error !== undefined) throw new Error(`images: cannot run ${command}: ${result.error.message}`);
  if (result.status !== 0)
    throw new Error(`images: ${command} failed (${String(result.status)}):\n${result.stderr.trim()}`);
  return result.stdout;
}

const NEEDS: readonly Need[] = [
  { program: "mmdebstrap", package: "mmdebstrap" },
  { program: "/usr/share/keyrings/debian-archive-keyring.gpg", package: "debian-archive-keyring" },
];

/** The mirrors this machine uses, when it is a Debian; none otherwise, and mmdebstrap then takes Debian's own. */
export function debianSources(texts: readonly string[]): readonly string[] {
  const uris = texts
    .flatMap((text) => [...text.matchAll(/^\s*(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s+)?)(https?:\/\/\S+)/gm)])
    .map((match) => (match[1] ?? "").replace(/\/$/, ""));
  const mirror = uris.find((uri) => uri.endsWith("/debian"));
  const security = uris.find((uri) => uri.endsWith("/debian-security"));
  return [
    ...(mirror === undefined ? [] : [`deb ${mirror} ${SUITE} main`, `deb ${mirror} ${SUITE}-updates main`]),
    ...(mirror === undefined || security === undefined ? [] : [`deb ${security} ${SUITE}-security main`]),
  ];
}

function machineSources(): readonly string[] {
  const files = ["/etc/apt/sources.list", ...globSync("/etc/apt/sources.list.d/*.{sources,list}")];
  return debianSources(files.filter((file) => existsSync(file)).map((file) => readFileSync(file, "utf8")));
}

function unpackPackages(root: string, packages: readonly string[]): void {
  const archive = `${root}.packages.tar`;
  const sources = machineSources();
  run(
    "mmdebstrap",
    [
      "--quiet",
      `--mode=${process.getuid?.() === 0 ? "root" : "unshare"}`,
      "--variant=extract",
      `--architectures=${ARCHITECTURE}`,
      `--include=${packages.join(",")}`,
      SUITE,
      archive,
      ...(sources.length > 0 ? ["-"] : []),
    ],
    { input: `${sources.join("\n")}\n` },
  );
  run("tar", ["-C", root, "--exclude=./dev/*", "--no-same-owner", "-xf", archive]);
  rmSync(archive);
}

function writeAccounts(root: string, base: BaseLayer): void {
  const shell = base.node ? "/usr/sbin/nologin" : "/bin/bash";
  const accounts = [{ name: "root", uid: 0, home: "/root", shell }, ...base.accounts];
  // "*": no password opens the account, but it is not locked for other methods.
  const files = {
    "etc/passwd": accounts.map((a) => `${a.name}:x:${a.uid}:${a.uid}:${a.name}:${a.home}:${a.shell}`),
    "etc/group": accounts.map((a) => `${a.name}:x:${a.uid}:`),
    "etc/shadow": accounts.map((a) => `${a.name}:*:19000::::::`),
  };
  for (const [path, lines] of Object.entries(files)) writeFileSync(join(root, path), `${lines.join("\n")}\n`);
  chmodSync(join(root, "etc/shadow"), 0o640);
  writeFileSync(join(root, "etc/nsswitch.conf"), "hosts: files dns\n");
}

function writeAuthorities(root: string): void {
  const certificates = globSync(join(root, "usr/share/ca-certificates/mozilla/*.crt")).sort();
  if (certificates.length === 0) return;
  mkdirSync(join(root, "etc/ssl/certs"), { recursive: true });
  const bundle = join(root, "etc/ssl/certs/ca-certificates.crt");
  writeFileSync(bundle, "");
  for (const file of certificates) appendFileSync(bundle, readFileSync(file));
}

function nodePackage(): string {
  return join(ROOT, "node_modules", `node-linux-${process.arch}`);
}

function nodeVersion(): string {
  const manifest = join(nodePackage(), "package.json");
  if (!existsSync(manifest))
    throw new Error(`images: npm package node-linux-${process.arch} is not installed: run make check once`);
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
}

function fill(root: string, base: BaseLayer): void {
  mkdirSync(root, { recursive: true });
  unpackPackages(root, base.packages);
  for (const path of LEFT_OUT) rmSync(join(root, path), { recursive: true, force: true });
  for (const path of globSync(join(root, "etc/ssh/ssh_host_*"))) rmSync(path);
  for (const path of ["dev", "proc", "sys", "tmp", "run", "usr/bin", "etc"])
    mkdirSync(join(root, path), { recursive: true });
  chmodSync(join(root, "tmp"), 0o1777);
  writeAuthorities(root);
  writeAccounts(root, base);
  if (!base.node) return;
  copyFileSync(join(nodePackage(), "bin/node"), join(root, "usr/bin/node"));
  chmodSync(join(root, "usr/bin/node"), 0o755);
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** The layer from the cache, made first if it is not there. A killed run leaves only a folder that the next one removes. */
export async function baseLayer(name: string, base: BaseLayer, now: (text: string) => void): Promise<Layer> {
  const inputs = { RECIPE, SUITE, ARCHITECTURE, ...base, version: base.node ? nodeVersion() : "" };
  const key = createHash("sha256").update(JSON.stringify(inputs)).digest("hex").slice(0, 16);
  const path = join(CACHE, `${name}-${key}.tar`);
  if (!existsSync(`${path}.sha256`)) {
    mkdirSync(CACHE, { recursive: true });
    ensurePrograms(NEEDS, now);
    now(`unpacking Debian packages for base layer ${name}`);
    const work = mkdtempSync(join(CACHE, `.${name}-`));
    try {
      fill(join(work, "root"), base);
      run("tar", [
        ...["-C", join(work, "root"), "--sort=name", "--mtime=@0", "--owner=0", "--group=0"],
        ...["--numeric-owner", "--format=gnu", "-cf", join(work, "layer.tar"), "."],
      ]);
      renameSync(join(work, "layer.tar"), path);
      // The digest is written last: it says that the layer is whole.
      writeFileSync(join(work, "digest"), await sha256(path));
      renameSync(join(work, "digest"), `${path}.sha256`);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  return { path, digest: readFileSync(`${path}.sha256`, "utf8").trim(), size: statSync(path).size };
}
