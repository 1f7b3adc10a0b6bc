/**
 * Every message and file that passes between our programs, and the limits of
 * every door. Mirrors docs/protocol.md.
 *
 * Pure: parses, checks, formats. Parsers take any input and return what is
 * sound, or throw: WireError for messages of a peer, ConfigError (naming the
 * field) for configuration that a person or the operator wrote.
 */
export * from "./address.ts";
export * from "./agent-config.ts";
export * from "./agent-report.ts";
export * from "./audit.ts";
export * from "./control.ts";
export * from "./glob.ts";
export * from "./key-helper.ts";
export * from "./limits.ts";
export * from "./names.ts";
export * from "./proxy-config.ts";
export * from "./proxy-protocol.ts";
export * from "./tunnel.ts";
export { WireError } from "./wire-error.ts";
