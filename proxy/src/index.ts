/**
 * The proxy as a library: for tests that run one in their own process. The program
 * is main.ts.
 */
export { readEnvironment } from "./config.ts";
export type { Environment } from "./config.ts";
export type { MountedFiles } from "./mounted-files.ts";
export { readMountedKeys } from "./mounted-keys.ts";
export type { MountedKeys } from "./mounted-keys.ts";
export { createProxy } from "./proxy.ts";
export type { Proxy, ProxyDeps, ProxyPorts } from "./proxy.ts";
export { deriveKey, sealText } from "./signin/session-key.ts";
export { loginSessionSealKey, sealLoginSession } from "./signin/login-session-seal.ts";
export type { TargetEntry, TargetsDocument } from "./ssh/menu.ts";
export type { WebDeps } from "./web/deps.ts";
export { createWebServer } from "./web/server.ts";
export type { WebServer } from "./web/server.ts";
