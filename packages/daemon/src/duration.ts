/**
 * Durations as the CRDs spell them: `8h`, `1h30m`, `90s`.
 */
import { ConfigError } from "./config.ts";

const DURATION = /^(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?$/;

/** Seconds. @throws ConfigError for anything but hours, minutes, seconds in this order, and for nothing at all */
export function parseDuration(text: string, field = "duration"): number {
  const match = DURATION.exec(text);
  if (match === null || text === "") {
    throw new ConfigError(
      "CONFIG_INVALID",
      `${field}: ${JSON.stringify(text)} is not a duration such as 8h or 1h30m`,
    );
  }
  const [, hours = "0", minutes = "0", seconds = "0"] = match;
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

/** The shortest spelling of whole seconds: 5400 is `1h30m`. */
export function formatDuration(seconds: number): string {
  const total = Math.max(0, Math.floor(seconds));
  const parts: [number, string][] = [
    [Math.floor(total / 3600), "h"],
    [Math.floor((total % 3600) / 60), "m"],
    [total % 60, "s"],
  ];
  const text = parts.map(([count, unit]) => (count > 0 ? `${count}${unit}` : "")).join("");
  return text === "" ? "0s" : text;
}
