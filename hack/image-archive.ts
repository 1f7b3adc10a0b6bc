/**
 * Writes an image as a docker-archive: what `docker load`, `ctr images import`,
 * `podman load` and `kind load image-archive` read. Same layers and settings,
 * same bytes.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rename } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Layer } from "./debian-layer.ts";
import type { ImageSpec } from "./image-spec.ts";
import { TAR_END, tarHeader, tarPadding } from "./tar.ts";

/** A layer small enough to be in memory. */
export interface SmallLayer {
  readonly content: Buffer;
}

export interface Image {
  readonly config: string;
  /** sha256 of the config: what container runtimes call the image's id. */
  readonly id: string;
  readonly layers: readonly {
    readonly digest: string;
    readonly size: number;
    readonly source: Layer | SmallLayer;
  }[];
}

function digestOf(content: Buffer | string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** The OCI config object of an image; times are the epoch's, so that bytes depend on content alone. */
function configOf(spec: ImageSpec, digests: readonly string[]): string {
  const created = "1970-01-01T00:00:00Z";
  return JSON.stringify({
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    created,
    config: {
      User: spec.user,
      WorkingDir: spec.workdir,
      Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
      Entrypoint: spec.entrypoint,
    },
    rootfs: { type: "layers", diff_ids: digests.map((digest) => `sha256:${digest}`) },
    history: digests.map(() => ({ created, created_by: "hack/images" })),
  });
}

export function describeImage(spec: ImageSpec, base: Layer, app: Buffer): Image {
  const layers = [
    { digest: base.digest, size: base.size, source: base },
    { digest: digestOf(app), size: app.length, source: { content: app } },
  ];
  const config = configOf(
    spec,
    layers.map((layer) => layer.digest),
  );
  return { config, id: digestOf(config), layers };
}

async function* archiveParts(image: Image, tags: readonly string[]): AsyncGenerator<Uint8Array> {
  const files: readonly (readonly [string, Layer | SmallLayer, number])[] = [
    ...image.layers.map((layer) => [`${layer.digest}.tar`, layer.source, layer.size] as const),
    [`${image.id}.json`, { content: Buffer.from(image.config) }, Buffer.byteLength(image.config)],
  ];
  const manifest = Buffer.from(
    JSON.stringify([
      {
        Config: `${image.id}.json`,
        RepoTags: tags,
        Layers: image.layers.map((layer) => `${layer.digest}.tar`),
      },
    ]),
  );
  for (const [path, source, size] of [
    ["manifest.json", { content: manifest }, manifest.length] as const,
    ...files,
  ]) {
    yield tarHeader({ path, type: "file", mode: 0o644 }, size);
    if ("content" in source) yield source.content;
    else yield* createReadStream(source.path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>;
    yield tarPadding(size);
  }
  yield TAR_END;
}

/** Writes the archive aside and moves it into place. */
export async function writeArchive(image: Image, tags: readonly string[], path: string): Promise<void> {
  await pipeline(Readable.from(archiveParts(image, tags)), createWriteStream(`${path}.new`));
  await rename(`${path}.new`, path);
}
