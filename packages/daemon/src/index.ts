/**
 * What every program of ours needs to be a daemon: log, metrics, probes,
 * an orderly end, back-off, configuration files, a clock that tests can hold.
 *
 * Nothing here knows SSH or Kubernetes.
 */
export { createBackoff } from "./backoff.ts";
export type { Backoff, BackoffOptions } from "./backoff.ts";
export { systemClock } from "./clock.ts";
export type { Clock, Timer } from "./clock.ts";
export {
  boolean,
  ConfigError,
  fields,
  integer,
  list,
  oneOf,
  optional,
  parseJson,
  readConfigFile,
  string,
} from "./config.ts";
export type { ConfigErrorCode, Fields, IntegerLimits, ListLimits, StringLimits } from "./config.ts";
export { formatDuration, parseDuration } from "./duration.ts";
export { startHealthServer } from "./health.ts";
export type { HealthOptions, HealthServer } from "./health.ts";
export { createLogger, errorFields } from "./log.ts";
export type { Logger, LoggerOptions, LogLevel } from "./log.ts";
export { ManualClock } from "./manual-clock.ts";
export { createMetrics } from "./metrics.ts";
export type { Counter, Gauge, Histogram, Metrics, Registry } from "./metrics.ts";
export { REDACTED, redact } from "./redact.ts";
export { createCloserStack, onShutdown } from "./shutdown.ts";
export type { Closer, CloserStack, ShutdownOptions } from "./shutdown.ts";
export { visibleText } from "./visible-text.ts";
