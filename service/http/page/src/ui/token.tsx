// Asks for the token of --api-token-file. It is kept until the tab is closed, and nowhere else.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Store } from "../engine/store";

export function TokenForm({ store }: { store: Store }) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const reason = wrong || (store.link.state === "token" ? store.link.reason : "");

  const onSubmit = (event: Event) => {
    event.preventDefault();
    const value = text.trim();
    if (!/^[\x21-\x7e]+$/.test(value)) return setWrong("A token has letters, digits and signs, and no spaces.");
    setWrong("");
    setText("");
    store.retry(value);
  };
  return (
    <form class="token panel" onSubmit={onSubmit} aria-label="Token">
        <h2>This engine asks for a token</h2>
        <p>
          It is the content of the file that <code>weir run --api-token-file</code> names.
        </p>
        <label class="field">
          <span>Token</span>
          <input
            ref={field}
            type="password"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
            autocomplete="off"
            spellcheck={false}
            aria-invalid={reason !== ""}
            aria-describedby="token-said"
          />
        </label>
        <p id="token-said" class="said" role="alert">
          {reason}
        </p>
        <div class="buttons">
          <button type="submit" class="main">
            Connect
          </button>
        </div>
        <p class="muted">It stays in this tab until you close it.</p>
    </form>
  );
}
