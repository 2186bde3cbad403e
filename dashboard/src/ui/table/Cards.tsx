import { UnstyledButton } from "@mantine/core";
import { useState } from "react";
import type { Column } from "./columns";
import type { LayoutProps } from "./Grid";
import classes from "./table.module.css";

/** The same rows on a phone: cards that open on a tap. */
export function Cards<Row>({ caption, columns, rows, openOf, openLabel }: LayoutProps<Row>) {
  return (
    <ul className={classes.cards} aria-label={caption}>
      {rows.map(({ id, row }) => (
        <li key={id} className={classes.card}>
          <OneCard columns={columns} row={row} open={openOf(row)} label={openLabel?.(row)} />
        </li>
      ))}
    </ul>
  );
}

interface Props<Row> {
  columns: Column<Row>[];
  row: Row;
  open?: () => void;
  label?: string;
}

function OneCard<Row>({ columns, row, open, label }: Props<Row>) {
  const [opened, setOpened] = useState(false);
  const titles = columns.filter((column) => column.card === "title");
  // Where a tap leads to a page of its own, that page has the rest.
  const lines = columns.filter((column) => column.card === "line" || (opened && column.card !== "title"));
  return (
    <>
      <UnstyledButton
        className={classes.tap}
        aria-expanded={open ? undefined : opened}
        onClick={open ?? (() => setOpened(!opened))}
      >
        <span className={classes.titles}>
          {titles.map((column) => (
            <span key={column.id}>{column.cell(row)}</span>
          ))}
          {/* Beside what is seen, not in its place: people may say what they see to press it. */}
          {label !== undefined && <span className="visually-hidden">{label}</span>}
        </span>
      </UnstyledButton>
      <dl className={classes.lines}>
        {lines.map((column) => (
          <Line key={column.id} name={column.header}>
            {column.cell(row)}
          </Line>
        ))}
      </dl>
    </>
  );
}

function Line({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
