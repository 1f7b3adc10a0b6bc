/**
 * The key-helper's door, for tests and tools of this repository: the program
 * itself, and the files it writes as pure functions.
 */
export { runProgram } from "./run.ts";
export type { Surroundings } from "./run.ts";
export { formatKnownHosts } from "./known-hosts.ts";
export { formatSshConfig } from "./ssh-config.ts";
export type { SshConfigFacts } from "./ssh-config.ts";
