/**
 * Other vendors' SSH clients for the interop matrix (test/interop/matrix): from
 * Debian what it has, from PyPI paramiko, asyncssh and Ansible in a virtual
 * environment, and a small program of ours on golang.org/x/crypto/ssh. Versions and
 * digests are pinned beside the matrix; what is built is kept below the cache
 * folder, keyed by them.
 *
 *   node hack/matrix-clients.ts     prints as JSON where what is installed is, or why it is not
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePrograms, type Need } from "./debian-packages.ts";

/** Clients, and programs that speak through one. */
export const MATRIX_PROGRAMS: readonly Need[] = [
  { program: "plink", package: "putty-tools" },
  { program: "puttygen", package: "putty-tools" },
  { program: "dbclient", package: "dropbear-bin" },
  { program: "rsync", package: "rsync" },
  { program: "git", package: "git" },
  { program: "sshfs", package: "sshfs" },
  { program: "xauth", package: "xauth" },
  { program: "python3", package: "python3-venv" },
];

const MATRIX = fileURLToPath(new URL("../test/interop/matrix", import.meta.url));
const CACHE = path.join(
  process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache"),
  "teleport-access",
  "matrix-clients",
);

/** Why something is not here. */
interface Missing {
  readonly missing: string;
}

/** A folder of the cache for what `files` of the matrix say. */
function cached(name: string, files: readonly string[]): string {
  const digest = createHash("sha256");
  for (const file of files) digest.update(readFileSync(path.join(MATRIX, file)));
  return path.join(CACHE, `${name}-${digest.digest("hex").slice(0, 16)}`);
}

function pythonFolder(): string {
  return cached("python", ["requirements.txt"]);
}

function goProgram(): string {
  return path.join(cached("go", ["go-client/main.go", "go-client/go.mod", "go-client/go.sum"]), "go-client");
}

/** A file that a finished virtual environment ends with: a broken run leaves nothing that looks installed. */
const FINISHED = "finished";

/** The Python that has the libraries. */
function pythonClients(): string | Missing {
  const folder = pythonFolder();
  if (existsSync(path.join(folder, FINISHED))) return path.join(folder, "bin", "python3");
  return { missing: "its libraries could not be installed from PyPI (node hack/test-programs.ts says why)" };
}

/** A program of the virtual environment, e.g. ansible. */
function pythonProgram(name: string): string | Missing {
  const python = pythonClients();
  return typeof python === "string" ? path.join(path.dirname(python), name) : python;
}

/** Our program on x/crypto/ssh. */
function goClient(): string | Missing {
  const program = goProgram();
  if (existsSync(program)) return program;
  return { missing: "no Go 1.26 here to build it with (node hack/test-programs.ts says why)" };
}

/** Installs and builds; says in one line what could not be, and goes on. */
export function ensureMatrixClients(now: (text: string) => void): void {
  for (const [what, ensure] of [
    ["paramiko, asyncssh and ansible", ensurePython],
    ["the client on golang.org/x/crypto/ssh", ensureGo],
  ] as const) {
    const problem = ensure(now);
    if (problem !== undefined) now(`the matrix goes without ${what}: ${problem}`);
  }
}

function ensurePython(now: (text: string) => void): string | undefined {
  if (typeof pythonClients() === "string") return undefined;
  const folder = pythonFolder();
  now("installing paramiko, asyncssh and ansible-core");
  rmSync(folder, { recursive: true, force: true });
  if (run("python3", ["-c", "import ensurepip, venv"]) !== undefined) {
    ensurePrograms([{ program: "/usr/share/python-wheels", package: "python3-venv" }], now);
  }
  const requirements = path.join(MATRIX, "requirements.txt");
  const pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary=:all:"];
  const problem =
    run("python3", ["-m", "venv", folder]) ??
    run(path.join(folder, "bin/python3"), [...pip, "--require-hashes", "-r", requirements]);
  if (problem === undefined) writeFileSync(path.join(folder, FINISHED), "");
  return problem;
}

function ensureGo(now: (text: string) => void): string | undefined {
  const program = goProgram();
  if (existsSync(program)) return undefined;
  if (run("go", ["version"]) !== undefined) return "there is no Go toolchain";
  now("building the client on golang.org/x/crypto/ssh");
  mkdirSync(path.dirname(program), { recursive: true });
  const source = path.join(MATRIX, "go-client");
  const problem = run("go", [
    "build",
    "-C",
    source,
    "-mod=readonly",
    "-trimpath",
    "-o",
    `${program}.new`,
    ".",
  ]);
  if (problem === undefined) renameSync(`${program}.new`, program);
  return problem;
}

if (import.meta.main) {
  console.log(JSON.stringify({ python: pythonClients(), ansible: pythonProgram("ansible"), go: goClient() }));
}

/** The last line of what a program said, when it failed. */
function run(command: string, args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status === 0) return undefined;
  return error?.message ?? stderr.trim().split("\n").at(-1) ?? `${command} failed`;
}
