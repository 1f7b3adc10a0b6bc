/**
 * A token belongs to the device that uses it first. Who was first is decided by
 * the API server: the write names the resourceVersion that was read, so of two
 * devices, at two replicas, at the same moment, one wins.
 */
import { customResource, isKubeError } from "@teleport-access/kube";
import type { KubeClient } from "@teleport-access/kube";
import type { KeyHelperTokenView } from "../acl/store.ts";

const TOKENS = customResource("keyhelpertokens");

/** Conflicts in a row before we give up; each one is a write by somebody else. */
const MAX_CONFLICTS = 5;

/** The calls that binding needs. */
export type TokenClient = Pick<KubeClient, "get" | "patch">;

/** Which token, of which object: one made again under the same name is another. */
export type TokenName = Pick<KeyHelperTokenView, "name" | "uid">;

/** Binds the token to `device` unless it is bound; says to whom it belongs then. */
export async function bindToken(
  kube: TokenClient,
  namespace: string,
  token: TokenName,
  device: string,
): Promise<"bound" | "wrong-device" | "bad-token"> {
  const place = { namespace, name: token.name };
  for (let conflicts = 0; ; conflicts += 1) {
    const current = await kube.get(TOKENS, place);
    if (current?.metadata.uid !== token.uid) return "bad-token";
    const bound = current.status?.boundKeyFingerprint;
    if (bound !== undefined) return bound === device ? "bound" : "wrong-device";
    const { resourceVersion } = current.metadata;
    try {
      await kube.patch(
        TOKENS,
        { ...place, subresource: "status" },
        { metadata: { resourceVersion }, status: { boundKeyFingerprint: device } },
      );
      return "bound";
    } catch (error) {
      if (!isKubeError(error, "KUBE_CONFLICT") || conflicts >= MAX_CONFLICTS) throw error;
    }
  }
}

/** Writes down that the machine was here. For people to read: nothing depends on it. */
export async function noteSeen(
  kube: TokenClient,
  namespace: string,
  token: TokenName,
  seen: { readonly now: number; readonly serial?: bigint },
): Promise<void> {
  await kube.patch(
    TOKENS,
    { namespace, name: token.name, subresource: "status" },
    {
      // The uid keeps the note away from another token of the same name.
      metadata: { uid: token.uid },
      status: {
        lastSeenTime: new Date(seen.now).toISOString(),
        ...(seen.serial === undefined ? {} : { lastCertificateSerial: seen.serial.toString() }),
      },
    },
  );
}
