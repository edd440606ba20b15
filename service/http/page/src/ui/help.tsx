import { useState } from "preact/hooks";
import { token } from "../engine/api";
import { Dialog } from "./dialog";
import { keysAreOn, turnKeys } from "./shortcuts";

const kKeys: [string, string][] = [
  ["1 – 9", "go to a view"],
  ["/", "to the filter of the view"],
  ["p", "pause or resume the list of events"],
  ["t", "colours: as the system has them, light, dark"],
  ["?", "this help"],
  ["← → ↑ ↓", "in the tabs: the next view; in a table: the next row"],
  ["Page Up, Page Down, Home, End", "in a table: far"],
  ["Enter", "in a table: open the row"],
  ["Esc", "close what is open"],
];

export function Help({ open, onClose }: { open: boolean; onClose: () => void }) {
  const [on, setOn] = useState(keysAreOn);
  return (
    <Dialog open={open} onClose={onClose} title="Keys">
      <table class="keys">
        <tbody>
          {kKeys.map(([keys, what]) => (
            <tr key={keys}>
              <th scope="row">
                <kbd>{keys}</kbd>
              </th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <label class="check">
        <input
          type="checkbox"
          checked={on}
          onChange={(event) => {
            turnKeys(event.currentTarget.checked ? "on" : "off");
            setOn(event.currentTarget.checked);
          }}
        />
        Single keys (1 – 9, /, p, t, ?) work
      </label>
      {token.get() ? (
        <p>
          <button
            type="button"
            onClick={() => {
              token.forget();
              location.reload();
            }}
          >
            Forget the token
          </button>
        </p>
      ) : null}
      <p class="muted">This page only reads. weir reload, weir set and the other commands change the engine.</p>
    </Dialog>
  );
}
