import { Table, UnstyledButton } from "@mantine/core";
import { IconArrowDown, IconArrowsSort, IconArrowUp } from "@tabler/icons-react";
import { useState, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";
import { ariaSort, nextSort, type Column, type Sorting } from "./columns";
import classes from "./table.module.css";

export interface LayoutProps<Row> {
  caption: string;
  columns: Column<Row>[];
  rows: { id: string; row: Row }[];
  sorting?: Sorting;
  /** What opening this row does; undefined where there is nothing to open. */
  openOf: (row: Row) => (() => void) | undefined;
  openLabel?: (row: Row) => string;
}

const STEPS: Record<string, (now: number, last: number) => number> = {
  ArrowDown: (now, last) => Math.min(now + 1, last),
  ArrowUp: (now) => Math.max(now - 1, 0),
  Home: () => 0,
  End: (_, last) => last,
};

/** The table itself. One row is in the tab order; arrows move to the others. */
export function Grid<Row>(props: LayoutProps<Row>) {
  const { caption, columns, rows, openOf } = props;
  const [current, setCurrent] = useState(0);
  const reachable = Math.min(current, rows.length - 1);

  const walk = (event: KeyboardEvent<HTMLTableRowElement>, index: number, open?: () => void) => {
    // A button inside of the row has keys of its own.
    if (event.target !== event.currentTarget) return;
    if (event.key === "Enter" && open) {
      open();
      return;
    }
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const to = step(index, rows.length - 1);
    setCurrent(to);
    event.currentTarget.parentElement?.querySelectorAll<HTMLElement>(":scope > tr").item(to).focus();
  };

  return (
    // What scrolls has to take the focus, so that it scrolls by keys, too.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={classes.scroll} role="group" aria-label={caption} tabIndex={0}>
      <Table highlightOnHover verticalSpacing="xs">
        <caption className="visually-hidden">{caption}</caption>
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Header key={column.id} column={column} sorting={props.sorting} />
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(({ id, row }, index) => {
            const open = openOf(row);
            return (
              <Table.Tr
                key={id}
                tabIndex={index === reachable ? 0 : -1}
                className={open && classes.opens}
                aria-label={open && props.openLabel?.(row)}
                onClick={open}
                onFocus={() => setCurrent(index)}
                onKeyDown={(event) => walk(event, index, open)}
              >
                {columns.map((column) => (
                  <Table.Td key={column.id} ta={column.align}>
                    {column.cell(row)}
                  </Table.Td>
                ))}
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function Header<Row>({ column, sorting }: { column: Column<Row>; sorting?: Sorting }) {
  const { t } = useTranslation();
  const field = column.sort;
  if (field === undefined || sorting === undefined) {
    return (
      <Table.Th scope="col" ta={column.align} className={classes.header}>
        {column.header}
      </Table.Th>
    );
  }
  const order = ariaSort(sorting.sort, field);
  const Icon = { ascending: IconArrowUp, descending: IconArrowDown, none: IconArrowsSort }[order];
  return (
    <Table.Th scope="col" ta={column.align} aria-sort={order} className={classes.header}>
      <UnstyledButton
        className={classes.sort}
        onClick={() => sorting.onSort(nextSort(sorting.sort, field))}
        title={t("table.sort", { column: column.header })}
      >
        {column.header}
        <Icon size={14} aria-hidden className={order === "none" ? classes.unsorted : undefined} />
      </UnstyledButton>
    </Table.Th>
  );
}
