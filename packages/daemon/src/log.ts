/**
 * The log: one JSON object a line on standard output, for machines and grep.
 *
 * Messages are fixed lower-case sentences; what varies goes into fields. Secrets
 * are taken out (redact.ts) and stack traces never appear.
 */
import { pino } from "pino";
import type { DestinationStream, Logger as Pino } from "pino";

import { redactFields, redactText } from "./redact.ts";
import { standardOutput } from "./standard-output.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each line. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  /** The field `program` of each line. */
  readonly program: string;
  /** @default "info" */
  readonly level?: LogLevel;
  /** Gets each line with its newline. @default standard output */
  readonly destination?: DestinationStream;
}

export function createLogger({ program, level = "info", destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: { program },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return wrap(pino(options, destination ?? standardOutput()));
}

function wrap(target: Pino): Logger {
  function write(level: Exclude<LogLevel, "silent">, message: string, fields: LogFields | undefined): void {
    if (!target.isLevelEnabled(level)) return;
    target[level](redactFields(fields ?? {}), redactText(message));
  }
  return {
    debug(message, fields) {
      write("debug", message, fields);
    },
    info(message, fields) {
      write("info", message, fields);
    },
    warn(message, fields) {
      write("warn", message, fields);
    },
    error(message, fields) {
      write("error", message, fields);
    },
    child(fields) {
      return wrap(target.child(redactFields(fields)));
    },
  };
}

/** How deep a chain of causes is followed. */
const MAX_CAUSES = 3;

/** An error as fields for the log: its message, its code and its causes; never its stack. */
export function errorFields(error: unknown): { error: string; code?: string; cause?: string } {
  const code = codeOf(error);
  const cause = causes(error);
  return {
    error: messageOf(error),
    ...(code === undefined ? {} : { code }),
    ...(cause === "" ? {} : { cause }),
  };
}

function messageOf(error: unknown): string {
  // An AggregateError of node:net (every address of a name failed) has an empty message.
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messageOf).join("; ");
  if (error instanceof Error) return error.message === "" ? error.name : error.message;
  return String(error);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function causes(error: unknown): string {
  const texts: string[] = [];
  let next: unknown = error instanceof Error ? error.cause : undefined;
  while (next !== undefined && texts.length < MAX_CAUSES) {
    texts.push(messageOf(next));
    next = next instanceof Error ? next.cause : undefined;
  }
  return texts.join(": ");
}
