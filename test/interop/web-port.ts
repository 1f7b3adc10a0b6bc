/** The proxy's web port for tests: the real one, with a certificate of the tests and an empty page; or none. */
import { mkdirSync, readFileSync } from "node:fs";
import { createWebServer } from "@teleport-access/proxy";
import type { WebDeps, WebServer } from "@teleport-access/proxy";
import type { TestFolder } from "@teleport-access/testkit";

const TESTDATA = new URL("../../proxy/src/web/testdata/", import.meta.url);

/** Self-signed, for localhost. */
export const WEB_TLS = {
  key: readFileSync(new URL("tls.key", TESTDATA), "utf8"),
  cert: readFileSync(new URL("tls.crt", TESTDATA), "utf8"),
};

/** What makes the real one. */
export function createTestWeb(folder: TestFolder): (deps: WebDeps) => Promise<WebServer> {
  const uiDirectory = folder.file("ui");
  mkdirSync(`${uiDirectory}/assets`, { recursive: true });
  folder.write("ui/index.html", "<!doctype html><title>teleport-access</title>");
  return (deps) => createWebServer({ ...deps, uiDirectory });
}

/** What makes one that does not listen. */
export function createNoWeb(): Promise<WebServer> {
  return Promise.resolve({ listen: (port) => Promise.resolve(port), close: () => Promise.resolve() });
}
