/**
 * How a person comes in at the SSH port: as they are, after a TOTP code, or not at all. The rule for when a code is asked
 * is docs/decisions/0007; whether it was right is found out elsewhere, and `decide` answers again afterwards.
 */
import { decide } from "./decide.ts";
import type { AuthenticateRequest } from "./decide.ts";
import { PERMISSIONS } from "./grant.ts";
import type { Grant } from "./grant.ts";
import type { AccessRefusal } from "./refusal.ts";
import type { World } from "./world.ts";

/** What the person says with the SSH user name. */
export interface EntryWish {
  /** They ask to be asked: they want to use grants that need a code. */
  readonly code: boolean;
  /** The target of the forward form; a jump names its target later. */
  readonly target?: {
    readonly cluster: string;
    readonly host: string;
    readonly port: number;
    readonly login: string;
  };
}

/** The answer. `request` is what the registry judges again for as long as the connection lives. */
export type Entry =
  | { readonly kind: "refused"; readonly reason: AccessRefusal }
  | {
      readonly kind: "open" | "code";
      readonly request: AuthenticateRequest;
      readonly grants: readonly Grant[];
    };

/** Judges a person who shows who they are and has given no code yet. */
export function judgeEntry(
  asked: Omit<AuthenticateRequest, "secondFactor">,
  wish: EntryWish,
  world: World,
): Entry {
  const proven = { ...asked, secondFactor: true };
  const best = decide(proven, world);
  // Refused with a code is refused without one; nobody types a code for nothing.
  if (!best.allowed) return { kind: "refused", reason: best.reason };
  const withCode = { kind: "code", request: proven, grants: best.grants } as const;
  if (wish.code) return withCode;
  const plain = decide(asked, world);
  if (!plain.allowed) {
    return plain.reason === "second-factor-required" ? withCode : { kind: "refused", reason: plain.reason };
  }
  if (wish.target !== undefined && needsCode(asked, wish.target, world)) return withCode;
  return { kind: "open", request: asked, grants: plain.grants };
}

/** Whether nothing may be done at the target without a code, and something with one. */
function needsCode(
  { identity, source }: Omit<AuthenticateRequest, "secondFactor">,
  target: NonNullable<EntryWish["target"]>,
  world: World,
): boolean {
  function anything(secondFactor: boolean): boolean {
    return PERMISSIONS.some(
      // live: the certificate was verified a moment ago.
      (permission) =>
        decide({ kind: "forward", identity, source, ...target, permission, secondFactor, live: true }, world)
          .allowed,
    );
  }
  return !anything(false) && anything(true);
}
