/**
 * The Secret `<user>-credentials`: what is in it, and changing it safely.
 *
 * The operator makes it, the proxies write it, each write by the resourceVersion
 * that was read. So of two proxies that see the same one-time code at the same
 * moment, one writes "used" and the other is told to look again.
 */
import { isKubeError, RESOURCES } from "@teleport-access/kube";
import type { KubeClient, Secret } from "@teleport-access/kube";
import { parseAttempts } from "./lockout.ts";

/** What somebody signs in with. */
export interface Credentials {
  /** PHC string of the password; absent before enrolment. */
  readonly password?: string;
  /** The TOTP secret, sealed with the session key for this user. */
  readonly totp?: string;
  /** The time step of the last code that was used. */
  readonly totpLast?: number;
  /** Times of recent tries, in seconds since the epoch. */
  readonly attempts: readonly number[];
  /** SHA-256 (hex) of the invite's token; absent once it was used. */
  readonly inviteHash?: string;
  /** When the invite ends, in milliseconds since the epoch. */
  readonly inviteExpires?: number;
}

/** Reads and changes credentials. The calls of the kube client that this needs, and no others. */
export interface CredentialStore {
  /** Undefined when there is no such Secret, or none we may read: a stranger's invented user has neither. */
  read(user: string): Promise<Credentials | undefined>;
  /**
   * Reads, lets `change` decide, and writes its answer; again from the start when
   * somebody else wrote in between. `change` may be called several times and
   * returns "leave" to write nothing. The result is what was decided last.
   */
  update(user: string, change: CredentialChange): Promise<Credentials | undefined>;
  /** Removes the Secret that holds the invite's URL. It may be gone already. */
  deleteInvite(user: string): Promise<void>;
}

/** What to do with the credentials as they are now. */
export type CredentialChange = (current: Credentials) => Credentials | "leave";

/** Conflicts in a row before we give up: each one means that somebody else made progress. */
const MAX_CONFLICTS = 10;

/** The credentials of one namespace, over the API. */
export function createCredentialStore(
  kube: Pick<KubeClient, "get" | "replace" | "delete">,
  namespace: string,
): CredentialStore {
  async function readSecret(user: string): Promise<Secret | undefined> {
    try {
      return await kube.get(RESOURCES.secrets, { namespace, name: `${user}-credentials` });
    } catch (error) {
      // The proxy's Role names the Secrets of the users there are; a new user's is not in it yet.
      if (isKubeError(error, "KUBE_FORBIDDEN")) return undefined;
      throw error;
    }
  }
  async function update(user: string, change: CredentialChange): Promise<Credentials | undefined> {
    for (let conflicts = 0; ; conflicts += 1) {
      const secret = await readSecret(user);
      if (secret === undefined) return undefined;
      const current = parseCredentials(secret.data ?? {});
      const next = change(current);
      if (next === "leave") return current;
      try {
        await kube.replace(RESOURCES.secrets, {
          ...secret,
          data: encodeCredentials(next, secret.data ?? {}),
        });
        return next;
      } catch (error) {
        if (!isKubeError(error, "KUBE_CONFLICT") || conflicts >= MAX_CONFLICTS) throw error;
      }
    }
  }
  const inTurn = oneAtATime();
  return {
    async read(user) {
      const secret = await readSecret(user);
      return secret === undefined ? undefined : parseCredentials(secret.data ?? {});
    },
    // One after the other here, so that conflicts come from other replicas only: a burst
    // of guesses at one account must not make its answers differ from a stranger's.
    update: (user, change) => inTurn(user, () => update(user, change)),
    async deleteInvite(user) {
      await kube.delete(RESOURCES.secrets, { namespace, name: `${user}-invite` });
    },
  };
}

/** Runs jobs of the same name one after the other, in order. */
function oneAtATime(): <T>(name: string, job: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return async (name, job) => {
    const before = last.get(name) ?? Promise.resolve();
    const mine = before.then(job, job);
    last.set(name, mine);
    try {
      return await mine;
    } finally {
      if (last.get(name) === mine) last.delete(name);
    }
  };
}

/** Reads the values of the Secret. A value that makes no sense is treated as absent, which refuses. */
export function parseCredentials(data: Readonly<Record<string, string>>): Credentials {
  function text(key: string): string | undefined {
    const value = data[key];
    return value === undefined || value === "" ? undefined : Buffer.from(value, "base64").toString("utf8");
  }
  const password = text("password");
  const totp = text("totp");
  const totpLast = wholeNumber(text("totp.last"));
  const inviteHash = text("invite.hash");
  const inviteExpires = Date.parse(text("invite.expires") ?? "");
  return {
    attempts: parseAttempts(text("failures")),
    ...(password === undefined ? {} : { password }),
    ...(totp === undefined ? {} : { totp }),
    ...(totpLast === undefined ? {} : { totpLast }),
    ...(inviteHash === undefined ? {} : { inviteHash }),
    ...(Number.isNaN(inviteExpires) ? {} : { inviteExpires }),
  };
}

/** The values to store; keys that are not ours stay as they are in `previous`. */
export function encodeCredentials(
  credentials: Credentials,
  previous: Readonly<Record<string, string>>,
): Record<string, string> {
  const expires = credentials.inviteExpires;
  const values: Record<string, string | undefined> = {
    password: credentials.password,
    totp: credentials.totp,
    "totp.last": credentials.totpLast?.toString(),
    failures: credentials.attempts.length === 0 ? undefined : JSON.stringify(credentials.attempts),
    "invite.hash": credentials.inviteHash,
    "invite.expires": expires === undefined ? undefined : new Date(expires).toISOString(),
  };
  const foreign = Object.entries(previous).filter(([key]) => !(key in values));
  const own = Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, Buffer.from(value).toString("base64")] as const],
  );
  return Object.fromEntries([...foreign, ...own]);
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}
