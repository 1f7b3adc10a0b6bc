/**
 * The command line. Pure: what somebody typed becomes settings or one sentence.
 *
 * Both `--flag=value` and `--flag value` are read. Each wrong combination has its
 * own sentence; a flag that nobody knows is never ignored.
 */
import { isUserName, KEY_HELPER_TOKEN } from "@teleport-access/wire";
import { KeyHelperError } from "./errors.ts";

/** What the person asked for. Paths are as typed, but for a leading `~/`. */
export interface Settings {
  /** The proxy's web address, an origin: `https://host[:port]`. */
  readonly server: string;
  readonly user: string;
  /** One of these two. */
  readonly token?: string;
  readonly tokenFile?: string;
  readonly keyPath: string;
  readonly certPath: string;
  readonly caFile?: string;
  readonly stateDir?: string;
  readonly sshConfig?: string;
  readonly knownHosts?: string;
}

/** What to do. */
export type Command =
  { readonly do: "run"; readonly settings: Settings } | { readonly do: "help" } | { readonly do: "version" };

const FLAGS = [
  "server",
  "auth",
  "token",
  "token-file",
  "key-path",
  "cert-path",
  "ca-file",
  "state-dir",
  "ssh-config",
  "known-hosts",
] as const;
type Flag = (typeof FLAGS)[number];

/** Reads the arguments after the program's name. Throws KeyHelperError USAGE. `home` replaces `~`. */
export function parseArguments(args: readonly string[], home: string): Command {
  if (args.includes("--help") || args.includes("-h")) return { do: "help" };
  if (args.includes("--version")) return { do: "version" };
  const values = readFlags(args);
  return {
    do: "run",
    settings: {
      server: parseServer(required(values, "server", "https://proxy.example.com")),
      user: parseUser(required(values, "auth", "alice")),
      ...tokenSettings(values, home),
      keyPath: expandHome(required(values, "key-path", "~/.ssh/id_ed25519.pub"), home),
      certPath: expandHome(required(values, "cert-path", "~/.ssh/id_ed25519-cert.pub"), home),
      ...named("caFile", expandHome(values.get("ca-file"), home)),
      ...named("stateDir", expandHome(values.get("state-dir"), home)),
      ...named("sshConfig", expandHome(values.get("ssh-config"), home)),
      ...named("knownHosts", expandHome(values.get("known-hosts"), home)),
    },
  };
}

function readFlags(args: readonly string[]): ReadonlyMap<Flag, string> {
  const values = new Map<Flag, string>();
  for (let index = 0; index < args.length; index += 1) {
    const [name, attached] = splitFlag(args[index] ?? "");
    const value = attached ?? args[(index += 1)];
    if (value === undefined || value === "" || (attached === undefined && value.startsWith("--"))) {
      throw usage(`--${name} needs a value`);
    }
    if (values.has(name)) throw usage(`--${name} is given twice`);
    values.set(name, value);
  }
  return values;
}

function splitFlag(argument: string): readonly [Flag, string | undefined] {
  const match = /^--([a-z-]+)(?:=(.*))?$/s.exec(argument);
  // Not quoted whole: it may be a token that lost its flag.
  if (match === null)
    throw usage(`"${argument.slice(0, 12)}${argument.length > 12 ? "…" : ""}" is not a flag`);
  const name = FLAGS.find((flag) => flag === match[1]);
  if (name === undefined) throw usage(`there is no flag --${match[1] ?? ""}`);
  return [name, match[2]];
}

function required(values: ReadonlyMap<Flag, string>, flag: Flag, example: string): string {
  const value = values.get(flag);
  if (value === undefined) throw usage(`--${flag} is missing, for example --${flag}=${example}`);
  return value;
}

function tokenSettings(
  values: ReadonlyMap<Flag, string>,
  home: string,
): Pick<Settings, "token" | "tokenFile"> {
  const token = values.get("token");
  const tokenFile = expandHome(values.get("token-file"), home);
  if (token !== undefined && tokenFile !== undefined)
    throw usage("--token and --token-file exclude each other");
  if (tokenFile !== undefined) return { tokenFile };
  if (token === undefined) throw usage("--token is missing; the web page makes one");
  return { token: parseToken(token) };
}

/** A whole token, or KeyHelperError USAGE. The token itself is never part of the message. */
export function parseToken(text: string): string {
  if (!KEY_HELPER_TOKEN.test(text)) {
    throw usage(`the token is not whole: it begins with tah_ and has 47 characters, this has ${text.length}`);
  }
  return text;
}

function parseServer(text: string): string {
  if (!text.includes("://")) throw usage(`--server needs https:// in front, as in --server=https://${text}`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw usage(`--server=${text} is not an address`);
  if (url.protocol !== "https:") throw usage(`--server=${text} must begin with https://`);
  const rest = url.pathname !== "/" || url.search !== "" || url.hash !== "" || url.username !== "";
  if (rest) throw usage(`--server=${text} must be an origin only, as in --server=${url.origin}`);
  return url.origin;
}

function parseUser(text: string): string {
  if (!isUserName(text)) {
    throw usage(
      `--auth=${JSON.stringify(text)} is not a user's name: small letters, digits, dots and dashes`,
    );
  }
  return text;
}

function expandHome(path: string, home: string): string;
function expandHome(path: string | undefined, home: string): string | undefined;
/** Shells do not expand the ~ in `--flag=~/file`. */
function expandHome(path: string | undefined, home: string): string | undefined {
  return path?.startsWith("~/") === true ? home + path.slice(1) : path;
}

function named<K extends string, V>(name: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, V>);
}

function usage(message: string): KeyHelperError {
  return new KeyHelperError("USAGE", message);
}
