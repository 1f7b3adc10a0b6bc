/**
 * What every page is put together from: the frame, a card, a field, a notice, a
 * text to copy.
 */
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";

/** The frame: name of the product, and on the right whatever the page puts there. */
export function Frame(props: { children: ComponentChildren; aside?: ComponentChildren }): JSX.Element {
  return (
    <>
      <header class="bar">
        <a class="brand" href="/">
          <Mark />
          teleport-access
        </a>
        <div class="bar-aside">{props.aside}</div>
      </header>
      <main>{props.children}</main>
    </>
  );
}

function Mark(): JSX.Element {
  return (
    <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" class="mark">
      <rect x="1" y="1" width="22" height="22" rx="6" />
      <path d="M6.5 8l4 4-4 4M12.5 16h5" />
    </svg>
  );
}

/** A titled box; the title labels it for screen readers. One that is a part of a page has a smaller rank. */
export function Card(props: {
  id: string;
  title: string;
  part?: boolean;
  lead?: ComponentChildren;
  narrow?: boolean;
  children?: ComponentChildren;
}): JSX.Element {
  return (
    <section class={props.narrow === true ? "card narrow" : "card"} aria-labelledby={props.id}>
      {props.part === true ? <h2 id={props.id}>{props.title}</h2> : <h1 id={props.id}>{props.title}</h1>}
      {props.lead === undefined ? null : <p class="lead">{props.lead}</p>}
      {props.children}
    </section>
  );
}

/** A labelled input. Everything else is passed to the input. */
export function Field(
  props: { label: string; name: string; hint?: string } & JSX.IntrinsicElements["input"],
): JSX.Element {
  const { label, hint, ...input } = props;
  const hintId = `${props.name}-hint`;
  return (
    <div class="field">
      <label for={props.name}>{label}</label>
      <input id={props.name} {...input} {...(hint === undefined ? {} : { "aria-describedby": hintId })} />
      {hint === undefined ? null : (
        <p class="hint" id={hintId}>
          {hint}
        </p>
      )}
    </div>
  );
}

/** The input for a one-time code. */
export function CodeField(): JSX.Element {
  return (
    <Field
      label="One-time code"
      name="code"
      class="code"
      hint="The six digits that your authenticator app shows."
      inputMode="numeric"
      autoComplete="one-time-code"
      pattern="[0-9]{6}"
      maxLength={6}
      required
    />
  );
}

/** A refusal, read out when it appears. The element is always there, so that screen readers watch it. */
export function Problem(props: { text: string }): JSX.Element {
  return (
    <p class={props.text === "" ? "problem empty" : "problem"} role="alert">
      {props.text}
    </p>
  );
}

/** A text to be pasted elsewhere, with a button that copies it. */
export function Copyable(props: { text: string; label: string; block?: boolean }): JSX.Element {
  const [copied, setCopied] = useState(false);
  async function copy(): Promise<void> {
    await navigator.clipboard.writeText(props.text);
    setCopied(true);
    setTimeout(() => {
      setCopied(false);
    }, 2000);
  }
  return (
    <div class={props.block === true ? "copyable block" : "copyable"}>
      <code>{props.text}</code>
      <button type="button" class="quiet" aria-label={`Copy ${props.label}`} onClick={() => void copy()}>
        {copied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}

/** The values of a form by the names of its inputs. */
export function valuesOf(event: SubmitEvent): Record<string, string> {
  event.preventDefault();
  const form = new FormData(event.currentTarget as HTMLFormElement);
  return Object.fromEntries([...form].map(([name, value]) => [name, typeof value === "string" ? value : ""]));
}

/** A time as the person's browser writes it. */
export function timeText(rfc3339: string): string {
  return new Date(rfc3339).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
