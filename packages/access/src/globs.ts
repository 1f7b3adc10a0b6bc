/**
 * The host globs of grants, which read like those of agents' target lists: the code is in
 * packages/wire, its tests are here.
 */
export { globMatches, isLiteralHost, lowerAscii } from "@teleport-access/wire";
