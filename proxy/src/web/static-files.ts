/**
 * The browser's files, read once at start and served from memory.
 *
 * No path from a request ever reaches the file system: a request names an entry
 * of this table or gets "not found".
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** One file to serve. */
export interface StaticFile {
  readonly body: Buffer;
  readonly type: string;
  readonly cacheControl: string;
}

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/** The name of an asset contains a hash of it, so it never changes. */
const FOR_EVER = "public, max-age=31536000, immutable";

/** The paths that show the program in the browser; it finds out itself which page that is. */
const PAGES = ["/", "/invite"];

/** Reads what build-ui.ts made. Throws when the folder or its index.html is missing: a proxy without pages is broken. */
export async function loadStaticFiles(directory: URL | string): Promise<ReadonlyMap<string, StaticFile>> {
  const root = typeof directory === "string" ? directory : fileURLToPath(directory);
  const files = new Map<string, StaticFile>();
  const html = await readFile(join(root, "index.html"));
  for (const path of PAGES)
    files.set(path, { body: html, type: typeOf("index.html"), cacheControl: "no-cache" });
  for (const name of await readdir(join(root, "assets"))) {
    const body = await readFile(join(root, "assets", name));
    files.set(`/assets/${name}`, { body, type: typeOf(name), cacheControl: FOR_EVER });
  }
  return files;
}

function typeOf(name: string): string {
  return TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream";
}
