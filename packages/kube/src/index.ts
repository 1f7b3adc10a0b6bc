/**
 * Talks to the API server: raw JSON over node:https, server-side apply, list and
 * watch, work queue, Lease, events, conditions. The only package that does.
 *
 * There is no client library below: what these programs need of one is less than
 * what it would cost in memory, and its informer stops for good after one error.
 */
export * from "./client.ts";
export * from "./conditions.ts";
export * from "./connect.ts";
export * from "./controller.ts";
export type * from "./core-objects.ts";
export * from "./errors.ts";
export * from "./events.ts";
export * from "./lease.ts";
export { keyOf } from "./object-store.ts";
export type { Change } from "./object-store.ts";
export * from "./resources.ts";
export { serviceAccountNamespace } from "./service-account.ts";
export * from "./time.ts";
export { createTransport } from "./transport.ts";
export type { Connection, StreamHandlers, Transport } from "./transport.ts";
export { watchResource } from "./watch.ts";
export type { Watch, WatchOptions } from "./watch.ts";
export * from "./work-queue.ts";
