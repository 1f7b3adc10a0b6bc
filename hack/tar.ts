/**
 * Writes tar archives (POSIX ustar) whose bytes depend on nothing but the
 * entries: no times, no names of users, no order of a folder on disk.
 */

export interface TarEntry {
  /** Without a leading slash. */
  readonly path: string;
  readonly type: "file" | "folder" | "link";
  readonly mode: number;
  readonly uid?: number;
  /** File: the content. */
  readonly content?: Uint8Array;
  /** Link: what it points to. */
  readonly target?: string;
}

const BLOCK = 512;
const TYPE_FLAG = { file: "0", link: "2", folder: "5" } as const;

/** ustar has 100 bytes for a name and 155 for the folders before it. */
function splitPath(path: string): { name: string; prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: "" };
  for (let at = path.indexOf("/"); at > 0; at = path.indexOf("/", at + 1)) {
    const prefix = path.slice(0, at);
    const name = path.slice(at + 1);
    if (name.length > 0 && Buffer.byteLength(name) <= 100 && Buffer.byteLength(prefix) <= 155)
      return { name, prefix };
  }
  throw new Error(`tar: path too long: "${path}"`);
}

function octal(value: number, digits: number): string {
  const text = value.toString(8).padStart(digits, "0");
  if (text.length > digits) throw new Error(`tar: number too large: ${value}`);
  return `${text}\0`;
}

/** The 512 bytes before an entry's content. */
export function tarHeader(entry: TarEntry, size: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  const { name, prefix } = splitPath(entry.type === "folder" ? `${entry.path}/` : entry.path);
  const target = entry.target ?? "";
  if (Buffer.byteLength(target) > 100) throw new Error(`tar: link target too long: "${target}"`);
  const uid = entry.uid ?? 0;
  header.write(name, 0);
  header.write(octal(entry.mode, 7), 100);
  header.write(octal(uid, 7), 108);
  header.write(octal(uid, 7), 116);
  header.write(octal(size, 11), 124);
  header.write(octal(0, 11), 136);
  header.write(" ".repeat(8), 148);
  header.write(TYPE_FLAG[entry.type], 156);
  header.write(target, 157);
  header.write("ustar\u000000", 257);
  header.write(prefix, 345);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** Zeros up to the next block. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** The end of every archive. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK);

/** A whole archive of small entries, sorted by path. */
export function tarArchive(entries: readonly TarEntry[]): Buffer {
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const parts = sorted.flatMap((entry) => {
    const content = entry.content ?? new Uint8Array();
    return [tarHeader(entry, content.length), content, tarPadding(content.length)];
  });
  return Buffer.concat([...parts, TAR_END]);
}
