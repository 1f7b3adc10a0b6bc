/**
 * Who may reach which target as which login: pure rules, no I/O, no clock. `decide`
 * is the only place that answers; everything else here feeds it or follows from it.
 */
export * from "./certificate-facts.ts";
export * from "./decide.ts";
export * from "./durations.ts";
export * from "./entry.ts";
export * from "./globs.ts";
export * from "./grant.ts";
export * from "./grant-matching.ts";
export * from "./jump-rule.ts";
export * from "./object-fields.ts";
export * from "./parse-objects.ts";
export * from "./principals.ts";
export * from "./reachable.ts";
export * from "./refusal.ts";
export * from "./source-ranges.ts";
export * from "./tunnel.ts";
export * from "./world.ts";
