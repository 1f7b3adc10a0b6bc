/**
 * The API server of a benchmark's world as a process of its own: objects from a
 * file, watches, https, a bearer token.
 *
 *   node bench/lab/api-server.ts <file>     prints "listening <port>"
 */
import { readFileSync } from "node:fs";
import { FakeApiServer } from "@teleport-access/testkit";

/** What the file holds. */
export interface ApiServerFile {
  readonly tls: { readonly key: string; readonly cert: string };
  readonly token: string;
  readonly objects: readonly Parameters<FakeApiServer["set"]>[0][];
}

if (import.meta.main) {
  const { tls, token, objects } = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as ApiServerFile;
  const server = await FakeApiServer.start({ tls, token });
  for (const object of objects) server.set(object);
  console.log(`listening ${server.port}`);
}
