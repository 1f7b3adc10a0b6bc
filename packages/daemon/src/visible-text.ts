/**
 * Text from strangers, made safe to print: in a log line, on a terminal, in a table.
 *
 * What could move a cursor, end a line or turn the direction of writing is written as `\u{1b}`: seen, and
 * without effect. What is too long is cut.
 */

/**
 * Controls (C0, DEL, C1), line and paragraph separators, marks and controls of bidirectional text, invisible
 * joiners and fillers, tags, the byte-order mark, private use, and halves of surrogate pairs.
 */
const UNSEEN: Readonly<RegExp> = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\u034f\u115f\u1160\u3164\uffa0]/gu;

/** The text with everything unseen spelled out, at most `max` characters of it and a mark where it was cut. */
export function visibleText(text: string, max: number): string {
  // Cut first: the work is bounded whatever arrives.
  const kept = firstOf(text, max).replace(UNSEEN, spell);
  const shown = firstOf(kept, max);
  return text.length > max || shown !== kept ? `${shown}…` : shown;
}

/** The first `max` characters, one less when that would halve a surrogate pair. */
function firstOf(text: string, max: number): string {
  if (text.length <= max) return text;
  const halved = /[\ud800-\udbff]/.test(text.charAt(max - 1)) && /[\udc00-\udfff]/.test(text.charAt(max));
  return text.slice(0, halved ? max - 1 : max);
}

function spell(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
