// A table of any length: only the rows that can be seen are in the document. One stop of the Tab key; arrow keys, Page Up
// and Down, Home and End move the marked row, Enter opens it.
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { useSize } from "./hooks";

export interface Column<Row> {
  key: string;
  title: string;
  width: string; // of CSS grid
  cell: (row: Row) => ComponentChildren;
  right?: boolean;
  from?: number; // shown where the table has so many pixels
  unsorted?: boolean;
}
export interface Sort {
  by: string;
  down: boolean;
}
interface Props<Row> {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
  empty: ComponentChildren;
  sort?: Sort;
  onSort?: (by: string) => void;
  open?: string; // the key of the row that is open beside the table
  onOpen?: (row: Row) => void;
  rowClass?: (row: Row) => string;
}

const kRowHeight = 30;
const kBeyond = 6; // rows above and below what can be seen

export function VirtualTable<Row>(props: Props<Row>) {
  const { rows, rowKey, onOpen } = props;
  const id = useId();
  const [scroller, size] = useSize<HTMLDivElement>();
  const columns = props.columns.filter((column) => (column.from ?? 0) <= size.width);
  const template = columns.map((column) => column.width).join(" ");
  const [top, setTop] = useState(0);
  const [marked, setMarked] = useState<string>();
  const grid = useRef<HTMLDivElement>(null);
  const markedAt = useMemo(() => (marked === undefined ? -1 : rows.findIndex((row) => rowKey(row) === marked)), [rows, marked]);

  const shown = Math.ceil((size.height || 300) / kRowHeight);
  const first = Math.max(0, Math.min(Math.floor(top / kRowHeight), rows.length - shown) - kBeyond);
  const last = Math.min(rows.length, first + shown + 2 * kBeyond);

  // A list that became shorter scrolls by itself; a browser says so late.
  useLayoutEffect(() => {
    if (scroller.current && scroller.current.scrollTop !== top) setTop(scroller.current.scrollTop);
  }, [rows.length]);

  const mark = (at: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, at))];
    if (!row) return;
    setMarked(rowKey(row));
    const y = rows.indexOf(row) * kRowHeight;
    const box = scroller.current!;
    if (y < box.scrollTop) box.scrollTop = y;
    else if (y + kRowHeight > box.scrollTop + box.clientHeight) box.scrollTop = y + kRowHeight - box.clientHeight;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== grid.current || event.ctrlKey || event.altKey || event.metaKey) return;
    const from = markedAt < 0 ? first - 1 : markedAt;
    const page = Math.max(1, shown - 2);
    const aims: Record<string, number> = {
      ArrowDown: markedAt < 0 ? Math.floor(top / kRowHeight) : from + 1,
      ArrowUp: from - 1,
      PageDown: from + page,
      PageUp: from - page,
      Home: 0,
      End: rows.length - 1,
    };
    const aim = aims[event.key];
    if (aim !== undefined) mark(aim);
    else if ((event.key === "Enter" || event.key === " ") && markedAt >= 0 && onOpen) onOpen(rows[markedAt]!);
    else return;
    event.preventDefault();
  };

  return (
    <div
      class="vt"
      role="grid"
      aria-label={props.label}
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length}
      tabIndex={0}
      ref={grid}
      onKeyDown={onKeyDown}
      aria-activedescendant={markedAt >= first && markedAt < last ? `${id}-${markedAt}` : undefined}
    >
      <div role="rowgroup" class="vt-head">
        <div role="row" class="vt-row" aria-rowindex={1} style={{ gridTemplateColumns: template }}>
          {columns.map((column) => (
            <Heading key={column.key} column={column} sort={props.sort} onSort={props.onSort} />
          ))}
        </div>
      </div>
      <div class="vt-body" ref={scroller} tabIndex={-1} role="rowgroup" onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
        <div class="vt-all" role="presentation" style={{ height: `${rows.length * kRowHeight}px` }}>
          {rows.slice(first, last).map((row, i) => {
            const at = first + i;
            const key = rowKey(row);
            return (
              <div
                key={key}
                id={`${id}-${at}`}
                role="row"
                aria-rowindex={at + 2}
                aria-selected={onOpen ? key === props.open : undefined}
                class={`vt-row ${at === markedAt ? "marked" : ""} ${key === props.open ? "open" : ""} ${onOpen ? "opens" : ""} ${props.rowClass?.(row) ?? ""}`}
                style={{ gridTemplateColumns: template, transform: `translateY(${at * kRowHeight}px)` }}
                onClick={() => {
                  setMarked(key);
                  onOpen?.(row);
                }}
              >
                {columns.map((column) => (
                  <div key={column.key} role="gridcell" class={column.right ? "right" : ""}>
                    {column.cell(row)}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
        {rows.length === 0 && <div class="empty">{props.empty}</div>}
      </div>
    </div>
  );
}

function Heading<Row>({ column, sort, onSort }: { column: Column<Row>; sort: Sort | undefined; onSort: ((by: string) => void) | undefined }) {
  const active = sort?.by === column.key;
  const sorts = onSort && !column.unsorted;
  return (
    <div role="columnheader" class={column.right ? "right" : ""} aria-sort={active ? (sort.down ? "descending" : "ascending") : undefined}>
      {sorts ? (
        <button type="button" class="sort" onClick={() => onSort(column.key)}>
          {column.title}
          <span aria-hidden="true" class="arrow">
            {active ? (sort.down ? "▾" : "▴") : ""}
          </span>
        </button>
      ) : (
        column.title
      )}
    </div>
  );
}

// The next order when a heading was pressed: numbers begin with the largest, names with the first.
export function nextSort(now: Sort, by: string, startsUp: boolean): Sort {
  return now.by === by ? { by, down: !now.down } : { by, down: !startsUp };
}
export const readSort = (text: string): Sort => ({ by: text.replace(/^-/, ""), down: text.startsWith("-") });
export const writeSort = (sort: Sort): string => (sort.down ? "-" : "") + sort.by;
