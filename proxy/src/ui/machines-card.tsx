/**
 * The person's machines: one key-helper token each, made and deleted here.
 */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { NewTokenAnswer, TokenAnswer } from "../web/api.ts";
import { createToken, deleteToken, listTokens, sentenceOf } from "./api.tsx";
import { Card, Copyable, Field, Problem, timeText, valuesOf } from "./layout.tsx";

export function MachinesCard(): JSX.Element {
  const [tokens, setTokens] = useState<readonly TokenAnswer[]>();
  const [made, setMade] = useState<NewTokenAnswer>();
  const [problem, setProblem] = useState("");

  async function attempt(action: () => Promise<void>): Promise<void> {
    setProblem("");
    try {
      await action();
      setTokens((await listTokens()).tokens);
    } catch (error) {
      setProblem(sentenceOf(error));
    }
  }
  useEffect(() => {
    void attempt(() => Promise.resolve());
  }, []);

  function create(event: SubmitEvent): void {
    const { description = "", days = "90" } = valuesOf(event);
    const form = event.currentTarget as HTMLFormElement;
    void attempt(async () => {
      setMade(await createToken({ description: description.trim(), days: Number(days) }));
      const input = form.elements.namedItem("description");
      if (input instanceof HTMLInputElement) input.value = "";
    });
  }
  function remove(token: TokenAnswer): void {
    void attempt(async () => {
      await deleteToken(token.name);
      if (made?.name === token.name) setMade(undefined);
    });
  }

  return (
    <Card
      part
      id="machines"
      title="Your machines"
      lead="The key-helper keeps an SSH certificate fresh on a machine. Each machine needs a token of its own."
    >
      {made === undefined ? null : <NewToken made={made} />}
      {tokens === undefined || tokens.length === 0 ? null : <TokenTable tokens={tokens} onRemove={remove} />}
      <NewTokenForm onSubmit={create} />
      <Problem text={problem} />
    </Card>
  );
}

function NewTokenForm(props: { onSubmit: (event: SubmitEvent) => void }): JSX.Element {
  return (
    <form class="row" onSubmit={props.onSubmit}>
      <Field label="Machine" name="description" placeholder="work laptop" maxLength={128} required />
      <div class="field">
        <label for="days">Good for</label>
        <select id="days" name="days">
          <option value="30">30 days</option>
          <option value="90" selected>
            90 days
          </option>
          <option value="365">a year</option>
        </select>
      </div>
      <button type="submit">Make a token</button>
    </form>
  );
}

function NewToken(props: { made: NewTokenAnswer }): JSX.Element {
  return (
    <div class="made" role="status">
      <p>
        <strong>Run this on the machine.</strong> The token is shown this once, and works for the first
        machine that uses it.
      </p>
      <Copyable block text={props.made.command} label="the command" />
    </div>
  );
}

function TokenTable(props: {
  tokens: readonly TokenAnswer[];
  onRemove: (token: TokenAnswer) => void;
}): JSX.Element {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Machine</th>
            <th scope="col">State</th>
            <th scope="col">Until</th>
            <th scope="col">
              <span class="unseen">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {props.tokens.map((token) => (
            <tr key={token.name}>
              <th scope="row">
                {token.description === "" ? token.name : token.description}
                <span class="sub">{token.name}</span>
              </th>
              <td>{stateOf(token)}</td>
              <td>{timeText(token.expirationTime)}</td>
              <td class="actions">
                <button
                  type="button"
                  class="quiet danger"
                  aria-label={`Delete ${token.description || token.name}`}
                  onClick={() => {
                    props.onRemove(token);
                  }}
                >
                  Delete
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function stateOf(token: TokenAnswer): string {
  if (!token.bound) return "not used yet";
  return token.lastSeenTime === undefined ? "in use" : `last seen ${timeText(token.lastSeenTime)}`;
}
