/** Everything that is fuzzed. A parser of a stranger's bytes belongs here. */
import { CONNECTIONS } from "./targets/connections.ts";
import { PARSERS } from "./targets/parsers.ts";

export const TARGETS = [...PARSERS, ...CONNECTIONS];
