/**
 * LoginSession and KeyHelperToken as views. (The kinds that decisions read are
 * parsed in packages/access.) A session without a good seal is not one.
 */
import { parseObject } from "@teleport-access/access";
import type { Fields, LoginSessionView, Parsed } from "@teleport-access/access";
import { verifySeal } from "../signin/login-session-seal.ts";
import type { KeyHelperTokenView } from "./store.ts";

/** A KeyHelperToken. */
export function parseKeyHelperToken(object: unknown): Parsed<KeyHelperTokenView> {
  return parseObject(object, ({ metadata, spec, status }) => {
    const pinned = spec.optionalText("publicKeyFingerprint");
    const bound = status?.optionalText("boundKeyFingerprint");
    return {
      name: metadata.text("name"),
      uid: metadata.text("uid"),
      user: spec.requiredObject("userRef").text("name"),
      tokenHash: spec.text("tokenHash"),
      expirationTime: requiredTime(spec),
      resourceVersion: metadata.text("resourceVersion"),
      ...(pinned === undefined ? {} : { publicKeyFingerprint: pinned }),
      ...(bound === undefined ? {} : { boundKeyFingerprint: bound }),
    };
  });
}

/** A LoginSession whose seal was made with `sealKey` over exactly its fields. */
export function parseLoginSession(
  object: unknown,
  namespace: string,
  sealKey: Buffer,
): Parsed<LoginSessionView> {
  const parsed = parseObject(object, ({ metadata, spec }) => {
    const name = metadata.text("name");
    const user = spec.requiredObject("userRef").text("name");
    const expirationTime = spec.text("expirationTime");
    const factors = spec.strings("factors") ?? [];
    const sealed = verifySeal(sealKey, { namespace, name, user, expirationTime, factors }, spec.text("seal"));
    const owner = metadata.objects("ownerReferences")?.find((o) => o.text("kind") === "ProxyUser");
    return {
      sealed,
      view: {
        name,
        user,
        uid: metadata.text("uid"),
        expirationTime: requiredTime(spec),
        sealed: true as const,
        ...(owner === undefined ? {} : { userUid: owner.text("uid") }),
      },
    };
  });
  if (!parsed.ok) return parsed;
  return parsed.value.sealed
    ? { ok: true, value: parsed.value.view }
    : { ok: false, reason: "spec.seal: was not made by a proxy of this namespace" };
}

function requiredTime(spec: Fields): number {
  const time = spec.time("expirationTime");
  // "Until for ever" is not among the things that a token or a sign-in can say.
  return time ?? 0;
}
