/**
 * What anybody may read: the pages' files and the proxy's public keys.
 */
import { formatPublicKeyLine } from "@teleport-access/sshcert";
import type { WebDeps } from "./deps.ts";
import type { WebApp } from "./context.ts";
import type { StaticFile } from "./static-files.ts";

/** GET /.well-known/teleport-access: what the other side of a trust needs to be told. */
export interface WellKnownAnswer {
  readonly version: 1;
  readonly ssh: { readonly address: string };
  readonly userCAKeys: readonly string[];
  readonly hostKeys: readonly string[];
}

export function addPublicRoutes(app: WebApp, deps: WebDeps, files: ReadonlyMap<string, StaticFile>): void {
  app.get("/.well-known/teleport-access", { config: { open: true } }, () => {
    return {
      version: 1,
      ssh: { address: deps.config().publicAddresses.ssh },
      userCAKeys: deps.ca.publicKeys().map((key) => formatPublicKeyLine(key)),
      hostKeys: deps.hostKeys().map((key) => formatPublicKeyLine(key)),
    } satisfies WellKnownAnswer;
  });
  for (const [path, file] of files) {
    app.get(path, { config: { open: true } }, (_request, reply) =>
      reply.type(file.type).header("cache-control", file.cacheControl).send(file.body),
    );
  }
}
