/**
 * Every condition type and reason that our kinds report, with one sentence for
 * the person who reads it in `kubectl get -o yaml`. Kept by hand: a reason that is
 * not here cannot be reported. The message of a condition names the input; what
 * stands here is what the word means wherever it occurs.
 */

/** What conditions are about. */
export const CONDITION_TYPES = {
  Ready: "The object does all that its spec asks for.",
  UserCAReady: "The user CA's private key is there and is the one that certificates were signed with.",
  HostCAReady: "The host CA's private key is there and is the one that certificates were signed with.",
  TLSReady: "The web port has a usable certificate.",
  Available: "Enough proxy pods are ready.",
  AgentAvailable: "Enough agent pods are ready.",
  AccessListSynced: "Every proxy pod has a current list of users, grants and trusted clusters.",
  TunnelsConnected: "Every listed proxy has a tunnel from every agent pod.",
  HostCertificateValid: "The agent's host certificate is within its lifetime and signed by the host CA.",
  Connected: "At least one tunnel of the cluster is open.",
  Enrolled: "The person has a password and a TOTP key.",
} as const;

/** A condition's type. */
export type ConditionType = keyof typeof CONDITION_TYPES;

/** Why a condition is as it is. */
export const CONDITION_REASONS = {
  // any kind
  Pending: "Not looked at yet.",
  Reconciled: "Everything asked for is in place.",
  InProgress: "The change was taken up and is not finished; nothing to do but wait.",
  Suspended: "spec.suspend is true; set it to false to go on.",
  InvalidSpec:
    "A field has a value that cannot be used; the message names it, and the last good state is kept.",
  ApplyFailed: "The API server refused an object the operator makes; the message has its answer.",
  NameConflict:
    "An object of the needed name exists and belongs to somebody else; rename or delete one of the two.",
  DependencyNotReady: "Another condition of this object is not True; look at that one first.",

  // certificate authorities
  Generated: "The operator made the key, or found the one it had made.",
  Provided: "The key is the one in existingSecretRef.",
  Rotating: "A rotation is running; status says which phase and what it waits for.",
  KeyMissing:
    "The Secret with the private key is gone; restore it, or ask for a new key with rotation.request replace-lost-key/<fingerprint>.",
  KeyMismatch:
    "The Secret holds another key than the one in use; restore the right one, or ask for a new key with rotation.request replace-lost-key/<fingerprint>.",
  InvalidKey: "A key cannot be read or is of a kind that is not accepted; the message says which and why.",

  // TLS
  SelfSigned: "The operator made the certificate; browsers warn until tls.secretRef names a real one.",
  SecretNotFound: "A Secret that spec names does not exist in this namespace.",
  InvalidCertificate: "The certificate cannot be used: unreadable, for another name, or not of its key.",
  CertificateExpired: "The certificate is past its end; renew it.",
  CertificateExpiring: "The certificate ends soon and was not renewed yet.",

  // pods
  MinimumReplicasAvailable: "Enough pods are ready.",
  MinimumReplicasUnavailable: "Too few pods are ready; look at the pods and their events.",
  ScaledToZero: "replicas is 0: nothing runs, as asked.",
  RolloutInProgress: "Pods are being replaced by ones with the current template.",

  // freshness of the access list
  Synced: "Every ready proxy pod has a current access list.",
  Stale: "A proxy pod cannot reach the API server; it does what revocation.onStale says.",

  // tunnels
  Connected: "Tunnels are open.",
  PartlyConnected: "Some tunnels are missing; the message names the proxies or pods without one.",
  NotConnected: "No tunnel is open; the message has the last error.",
  NoProxies: "Every proxy of the list is suspended or cannot be used.",

  // trust
  Accepted: "The cluster's host CA keys are in force.",
  SourceNotFound: "The object that the keys are to be read from does not exist, or has no such key.",
  ClusterNameMismatch: "The TeleportCluster referred to has another clusterName than this object's name.",

  // people
  InvitePending: "An invite is open; send its URL to the person.",
  InviteExpired: "The invite ran out unused; change enrollment.request for another.",
  Complete: "The person has enrolled.",
  Reset: "Enrolment was asked for again; the former password and TOTP key are void.",
  NoProxy: "There is no TeleportProxy in this namespace, so there is no address to invite to.",
  TooManyTargets:
    "The person's grants do not fit into one certificate; the message names the targets that need the forward form.",

  // grants
  Active: "The grant is in force.",
  UserNotFound: "There is no ProxyUser of that name in this namespace.",
  NoClusterMatched: "No TrustedHostCA has the name or the labels asked for.",
  NotYetValid: "startTime is still to come.",
  Expired: "expirationTime has passed.",

  // host certificates
  Issued: "The certificate is issued and within its lifetime.",
  ClusterNotFound: "There is no TeleportCluster of that name in this namespace.",
  ProxyNotFound: "There is no TeleportProxy of that name in this namespace.",
  HostCAUnavailable: "The cluster's host CA cannot sign now; its condition HostCAReady says why.",

  // machines and sign-ins
  Bound: "A device has used the token; only that one can from now on.",
  Unused: "No device has used the token yet.",
} as const;

/** A condition's reason. */
export type ConditionReason = keyof typeof CONDITION_REASONS;
