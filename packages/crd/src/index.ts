/**
 * The TypeScript view of crds/*.yaml: one file a kind, generated; what all
 * objects have in common in meta.ts; the words of conditions in conditions.ts.
 * Types and constants only: nothing here checks an object.
 */
export * from "./conditions.ts";
export * from "./host-certificate.ts";
export * from "./key-helper-token.ts";
export * from "./kinds.ts";
export * from "./login-session.ts";
export * from "./meta.ts";
export * from "./proxy-user.ts";
export * from "./teleport-cluster.ts";
export * from "./teleport-proxy.ts";
export * from "./trusted-host-ca.ts";
export * from "./user-access.ts";
