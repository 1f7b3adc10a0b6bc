/** Makes the Secret of a certificate authority: the only place where a CA key comes into being. */
import { formatPkcs8, formatPublicKeyLine, generatePrivateKey, publicKeyOf } from "@teleport-access/sshcert";
import { childMetadata, secretData, type Manifest } from "../objects.ts";
import { CA_KEY, CA_PUB, type AuthorityOrder } from "./authority.ts";

/**
 * A new key as a Secret. To be created, never applied: an apply would overwrite
 * a key that appeared meanwhile.
 */
export function makeAuthority(order: AuthorityOrder): Manifest {
  const key = generatePrivateKey(order.algorithm);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: childMetadata(order.owner, order.secretName, order.component, { retain: order.retain }),
    type: "Opaque",
    data: secretData({
      [CA_KEY]: formatPkcs8(key),
      [CA_PUB]: `${formatPublicKeyLine(publicKeyOf(key), order.comment)}\n`,
    }),
  };
}
