/**
 * Packs the product's images into archives, without a Docker daemon.
 *
 *   hack/images [--no-bundle] [image...]     into .local/images/<image>.tar
 *
 * Each archive carries the version as its tag and, when all images are packed
 * together, also the version with a digest of their content, which the demo and
 * the tests deploy so that a changed program is a changed image; the file
 * `.local/images/tag` holds it. An archive that would come out the same is left
 * alone.
 */
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, bundle, bundlePath } from "./bundle.ts";
import { baseLayer, type Layer } from "./debian-layer.ts";
import { describeImage, writeArchive, type Image } from "./image-archive.ts";
import { BASES, IMAGES, type ImageName, type ImageSpec } from "./image-spec.ts";
import { tarArchive, type TarEntry } from "./tar.ts";

/** Where the archives are. */
export const ARCHIVES: string = join(ROOT, ".local/images");
/** What an image may weigh before compression. */
const MAX_BYTES = 220_000_000;

export interface BuiltImage {
  readonly name: ImageName;
  readonly archive: string;
  /** Without the tag. */
  readonly repository: string;
  readonly id: string;
  /** Uncompressed. */
  readonly bytes: number;
  readonly baseBytes: number;
  /** False when the archive was there already. */
  readonly written: boolean;
}

export interface BuiltImages {
  readonly images: readonly BuiltImage[];
  /** The tag to deploy: it changes when any image does (with all images built; else the version). */
  readonly tag: string;
}

function folderEntries(from: string, to: string): TarEntry[] {
  return readdirSync(from, { recursive: true, encoding: "utf8" }).map((name): TarEntry => {
    const stat = lstatSync(join(from, name));
    const path = `${to}/${name}`;
    if (stat.isDirectory()) return { path, type: "folder", mode: 0o755 };
    const mode = (stat.mode & 0o100) === 0 ? 0o644 : 0o755;
    return { path, type: "file", mode, content: readFileSync(join(from, name)) };
  });
}

function appLayer(spec: ImageSpec): Buffer {
  const entries: TarEntry[] = spec.folders.map(({ path, uid, mode }) => ({
    path: path.slice(1),
    type: "folder",
    mode,
    uid,
  }));
  for (const [from, to] of Object.entries(spec.files))
    entries.push({ path: to.slice(1), type: "file", mode: 0o644, content: readFileSync(join(ROOT, from)) });
  if (spec.bundle !== undefined)
    entries.push(
      { path: "app", type: "folder", mode: 0o755 },
      ...folderEntries(bundlePath(spec.bundle), "app"),
    );
  return tarArchive(entries);
}

function version(): string {
  return (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string }).version;
}

async function pack(
  name: ImageName,
  bases: Map<string, Layer>,
  now: (text: string) => void,
): Promise<{ name: ImageName; image: Image }> {
  const spec = IMAGES[name];
  const base = bases.get(spec.base) ?? (await baseLayer(spec.base, BASES[spec.base], now));
  bases.set(spec.base, base);
  return { name, image: describeImage(spec, base, appLayer(spec)) };
}

async function write(name: ImageName, image: Image, tags: readonly string[]): Promise<BuiltImage> {
  const archive = join(ARCHIVES, `${name}.tar`);
  const stamp = `${archive}.tags`;
  const wanted = [image.id, ...tags].join("\n");
  const same = existsSync(archive) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted;
  if (!same) {
    await writeArchive(image, tags, archive);
    writeFileSync(stamp, wanted);
  }
  const bytes = image.layers.reduce((sum, layer) => sum + layer.size, 0);
  if (bytes > MAX_BYTES)
    throw new Error(`images: ${name} has ${bytes} bytes, more than ${MAX_BYTES}: see what its layers carry`);
  const repository = `teleport-access/${name}`;
  return {
    name,
    archive,
    repository,
    id: image.id,
    bytes,
    baseBytes: image.layers[0]?.size ?? 0,
    written: !same,
  };
}

export interface BuildOptions {
  /** @default all */
  readonly names?: readonly ImageName[];
  /** False takes the bundles that are there. @default true */
  readonly bundle?: boolean;
  /** Told what is being done. */
  readonly now: (text: string) => void;
}

/** Bundles the programs and packs the images. */
export async function buildImages(options: BuildOptions): Promise<BuiltImages> {
  const { names = Object.keys(IMAGES) as ImageName[], now } = options;
  mkdirSync(ARCHIVES, { recursive: true });
  const bases = new Map<string, Layer>();
  const packed: { name: ImageName; image: Image }[] = [];
  for (const name of names) {
    const program = IMAGES[name].bundle;
    if (program !== undefined && options.bundle !== false) {
      now(`bundling ${program}`);
      await bundle(program);
    }
    packed.push(await pack(name, bases, now));
  }
  const all = packed.length === Object.keys(IMAGES).length;
  const content = packed.map(({ name, image }) => `${name} ${image.id}`).join("\n");
  const digest = createHash("sha256").update(content).digest("hex").slice(0, 12);
  const tag = all ? `${version()}-${digest}` : version();
  const images: BuiltImage[] = [];
  for (const { name, image } of packed) {
    const tags = new Set([version(), tag]);
    images.push(
      await write(
        name,
        image,
        [...tags].map((t) => `teleport-access/${name}:${t}`),
      ),
    );
  }
  if (all) writeFileSync(join(ARCHIVES, "tag"), `${tag}\n`);
  return { images, tag };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** One line for people. */
export function sizeLine({ name, bytes, baseBytes }: BuiltImage): string {
  return `image ${name.padEnd(13)} ${megabytes(bytes).padStart(6)} MB, of which ${megabytes(baseBytes)} MB is its base layer`;
}

async function main(args: readonly string[]): Promise<void> {
  const names = args.filter((arg) => !arg.startsWith("--"));
  const unknown =
    names.find((name) => !(name in IMAGES)) ?? args.find((a) => a.startsWith("--") && a !== "--no-bundle");
  if (unknown !== undefined) {
    console.error(
      `images: unknown image or flag "${unknown}": use ${Object.keys(IMAGES).join(", ")}, --no-bundle`,
    );
    process.exitCode = 2;
    return;
  }
  const { images, tag } = await buildImages({
    ...(names.length > 0 ? { names: names as ImageName[] } : {}),
    bundle: !args.includes("--no-bundle"),
    now: (text) => {
      console.log(`images: ${text}`);
    },
  });
  for (const image of images) console.log(sizeLine(image));
  console.log(
    `images: teleport-access/{${images.map((i) => i.name).join(",")}}:${tag} in ${ARCHIVES.slice(ROOT.length + 1)}/`,
  );
}

if (import.meta.main) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
