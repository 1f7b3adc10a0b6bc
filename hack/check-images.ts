/**
 * Holds the Dockerfiles under images/ to image-spec.ts: an image that Docker
 * builds and one that hack/images packs carry the same bundle and the same
 * settings. Compared is the last stage of each file.
 *
 *   node hack/check-images.ts
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { ROOT } from "./bundle.ts";
import { BASES, IMAGES, SUITE, type ImageName } from "./image-spec.ts";

/** What a Dockerfile's last stage says. */
export interface DockerfileFacts {
  readonly from: string;
  readonly user: string;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  /** Every COPY, "source -> destination"; sources of a build stage without its /src/. */
  readonly copies: readonly string[];
  readonly runs: string;
  /** The RUN lines of the stages before. */
  readonly buildRuns: string;
}

/** Instructions with continued lines joined and comments gone. */
function instructions(text: string): readonly Instruction[] {
  return text
    .replace(/^\s*#.*\n/gm, "")
    .replace(/\\\n/g, " ")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => {
      const [word = "", ...rest] = line.split(/\s+/);
      return [word.toUpperCase(), rest.join(" ")] as const;
    });
}

function copyOf(argument: string): string {
  const [source = "", destination = ""] = argument.split(" ").filter((word) => !word.startsWith("--"));
  return `${source.replace(/^\/src\//, "")} -> ${destination}`;
}

type Instruction = readonly [word: string, argument: string];

function each(stage: readonly Instruction[], wanted: string): string[] {
  return stage.filter(([word]) => word === wanted).map(([, argument]) => argument);
}

function last(stage: readonly Instruction[], wanted: string): string {
  return each(stage, wanted).at(-1) ?? "";
}

/** Reads a Dockerfile; only the forms that ours use. */
export function parseDockerfile(text: string): DockerfileFacts {
  const all = instructions(text);
  const lastFrom = all.findLastIndex(([word]) => word === "FROM");
  const stage = all.slice(lastFrom);
  const variables = each(stage, "ENV").flatMap((line) => line.split(" "));
  return {
    from: last(stage, "FROM"),
    user: last(stage, "USER"),
    workdir: last(stage, "WORKDIR"),
    env: Object.fromEntries(variables.map((v) => [v.slice(0, v.indexOf("=")), v.slice(v.indexOf("=") + 1)])),
    entrypoint: JSON.parse(last(stage, "ENTRYPOINT") || "[]") as string[],
    copies: each(stage, "COPY").map(copyOf).sort(),
    runs: each(stage, "RUN").join("\n"),
    buildRuns: each(all.slice(0, lastFrom), "RUN").join("\n"),
  };
}

function wantedCopies(name: ImageName): string[] {
  const { bundle, files, base } = IMAGES[name];
  const copies = Object.entries(files).map(([from, to]) => `${from} -> ${to}`);
  if (bundle !== undefined) copies.push(`.local/bundle/${bundle}/ -> /app/`);
  if (BASES[base].node) copies.push("/node -> /usr/bin/node");
  return copies.sort();
}

function packageProblems(name: ImageName, facts: DockerfileFacts): string[] {
  const { base, bundle } = IMAGES[name];
  const { packages, node, accounts } = BASES[base];
  if (node)
    return facts.buildRuns.includes(`hack/bundle.ts ${bundle ?? ""}`)
      ? []
      : [`no RUN builds the bundle ${bundle ?? ""} with hack/bundle.ts`];
  const missing = packages
    .filter((p) => !facts.runs.split(/\s+/).includes(p))
    .map((p) => `package ${p} missing`);
  const people = accounts.filter(({ uid }) => uid >= 1000 && uid < 65534);
  const strangers = people
    .filter(({ name: n, uid }) => !new RegExp(`useradd .*--uid ${uid} .*${n}\\b`).test(facts.runs))
    .map(({ name: n, uid }) => `account ${n} (${uid}) missing`);
  return [...missing, ...strangers];
}

/** One sentence for each difference; none when the Dockerfile says the same. */
export function compareDockerfile(name: ImageName, facts: DockerfileFacts): string[] {
  const spec = IMAGES[name];
  const pairs = [
    ["USER", facts.user, spec.user],
    ["WORKDIR", facts.workdir, spec.workdir],
    ["ENV", facts.env, spec.env],
    ["ENTRYPOINT", facts.entrypoint, spec.entrypoint],
    ["COPY", facts.copies, wantedCopies(name)],
  ] as const;
  const problems = pairs
    .filter(([, has, wants]) => !isDeepStrictEqual(has, wants))
    .map(
      ([what, has, wants]) => `${what} is ${JSON.stringify(has)}, image-spec.ts has ${JSON.stringify(wants)}`,
    );
  if (!/debian12|bookworm/.test(facts.from)) problems.push(`FROM ${facts.from} is not Debian ${SUITE}`);
  return [...problems, ...packageProblems(name, facts)].map((p) => `images/${name}/Dockerfile: ${p}`);
}

/** Every difference of every Dockerfile. */
export function checkImages(): string[] {
  return (Object.keys(IMAGES) as ImageName[]).flatMap((name) =>
    compareDockerfile(name, parseDockerfile(readFileSync(join(ROOT, "images", name, "Dockerfile"), "utf8"))),
  );
}

if (import.meta.main) {
  const problems = checkImages();
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exit(1);
}
