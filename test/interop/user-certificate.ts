/** Certificates of alice, as the proxy would make them and as nobody should. */
import type { KeyObject } from "node:crypto";
import { issueCertificate, publicKeyOf } from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";

const HOUR = 3_600_000;

/** What differs from alice's certificate. */
export interface UserCertificateParts {
  readonly ca?: KeyObject;
  readonly principals?: readonly string[];
  readonly from?: number;
  readonly to?: number;
  readonly session?: string;
  /** Instead of permit-pty alone. */
  readonly extensions?: readonly string[];
  readonly criticalOptions?: Readonly<Record<string, string>>;
  readonly keyId?: string;
  readonly key?: KeyObject;
}

/** Makes one, good for an hour unless `parts` say otherwise. */
export function makeUserCertificate(
  keys: { readonly userCa: KeyObject; readonly user: KeyObject },
  parts: UserCertificateParts & Pick<Required<UserCertificateParts>, "principals">,
): Certificate {
  const now = Date.now();
  const { ca, from, to, key, extensions, session, ...rest } = {
    ...{ ca: keys.userCa, key: keys.user, keyId: "alice", from: now - 60_000, to: now + HOUR },
    ...{ session: "s-alice", extensions: ["permit-pty"], criticalOptions: {} },
    ...parts,
  };
  return issueCertificate(ca, {
    ...rest,
    type: "user",
    publicKey: publicKeyOf(key),
    validAfter: new Date(from),
    validBefore: new Date(to),
    extensions: {
      ...Object.fromEntries(extensions.map((name) => [name, ""])),
      "session@teleport-access.io": session,
    },
  });
}
