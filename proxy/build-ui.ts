/**
 * Builds the browser's files: `node proxy/build-ui.ts [--out] <outdir>`.
 *
 * Scripts, styles and the icon get names that contain a hash of their content,
 * so that browsers may keep them for ever; index.html names them and is asked
 * for anew each time. web/static-files.ts serves the folder.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const SOURCE = fileURLToPath(new URL("./src/ui/", import.meta.url));

/** Builds the UI into `outdir`, which is emptied first. */
export async function buildUi(outdir: string): Promise<void> {
  const bundle = await build({
    entryPoints: [join(SOURCE, "app.tsx")],
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    write: false,
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    logLevel: "warning",
    outdir: ".",
  });
  const css = await build({
    entryPoints: [join(SOURCE, "app.css")],
    minify: true,
    write: false,
    target: "es2022",
    logLevel: "warning",
    outdir: ".",
  });
  const assets: readonly (readonly [string, Uint8Array | undefined])[] = [
    ["app.js", bundle.outputFiles[0]?.contents],
    ["app.css", css.outputFiles[0]?.contents],
    ["icon.svg", await readFile(join(SOURCE, "icon.svg"))],
  ];
  await rm(outdir, { recursive: true, force: true });
  await mkdir(join(outdir, "assets"), { recursive: true });
  let html = await readFile(join(SOURCE, "index.html"), "utf8");
  for (const [name, contents] of assets) {
    if (contents === undefined) throw new Error(`esbuild made no ${name}`);
    const hash = createHash("sha256").update(contents).digest("hex").slice(0, 16);
    const hashed = name.replace(".", `-${hash}.`);
    await writeFile(join(outdir, "assets", hashed), contents);
    html = html.replace(`"${name}"`, `"/assets/${hashed}"`);
  }
  await writeFile(join(outdir, "index.html"), html);
}

if (import.meta.main) {
  // `--out <dir>` or just `<dir>`.
  const outdir = process.argv[2] === "--out" ? process.argv[3] : process.argv[2];
  if (outdir === undefined) {
    process.stderr.write("usage: node proxy/build-ui.ts <outdir>\n");
    process.exit(2);
  }
  await buildUi(outdir);
}
