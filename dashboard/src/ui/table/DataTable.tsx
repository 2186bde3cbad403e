import { Box, Skeleton, Stack } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Pages } from "../usePages";
import { Loaded } from "../Loaded";
import type { Column, Sorting } from "./columns";
import { Pager } from "./Pager";
import { Rows } from "./Rows";

const NOTHING: never[] = [];

export interface ListAnswer<Row> {
  data: Row[];
  next_cursor?: string | null;
  total?: number;
  total_is_exact?: boolean;
}

interface Props<Row> {
  /** What the table shows: its caption, and the name of its region. */
  caption: string;
  columns: Column<Row>[];
  query: UseQueryResult<ListAnswer<Row>>;
  rowId: (row: Row) => string;
  /** What is shown in place of a table without rows. */
  empty: ReactNode;
  pages?: Pages;
  sorting?: Sorting;
  /** Opens a row, by a click, Enter or a tap. */
  onOpen?: (row: Row) => void;
  /** Which rows open; all of them unless it is given. */
  opens?: (row: Row) => boolean;
  /** The name of what opens, for screen readers: "Open the request of 12:03". */
  openLabel?: (row: Row) => string;
}

/**
 * A list from the API: a table that scrolls sideways, and cards on a phone. Rows are walked with up and down, opened
 * with Enter; left and right turn the pages.
 */
export function DataTable<Row extends object>(props: Props<Row>) {
  const { columns, query, rowId } = props;
  const rows = query.data?.data ?? NOTHING;

  return (
    <Loaded query={query} skeleton={<TableWaiting />}>
      {(answer) =>
        rows.length === 0 && props.pages?.hasPrevious !== true ? (
          props.empty
        ) : (
          <Box data-table={props.caption} aria-busy={query.isPlaceholderData}>
            <Box opacity={query.isPlaceholderData ? 0.55 : 1}>
              <Rows
                caption={props.caption}
                columns={columns}
                rows={rows}
                rowId={rowId}
                sorting={props.sorting}
                openOf={(row) => openOf(props, row)}
                openLabel={props.openLabel}
              />
            </Box>
            {props.pages && <Pager pages={props.pages} answer={answer} waiting={query.isPlaceholderData} />}
          </Box>
        )
      }
    </Loaded>
  );
}

function openOf<Row extends object>(
  { onOpen, opens }: Pick<Props<Row>, "onOpen" | "opens">,
  row: Row,
): (() => void) | undefined {
  return onOpen && (opens?.(row) ?? true) ? () => onOpen(row) : undefined;
}

function TableWaiting() {
  return (
    <Stack gap="xs" aria-busy="true">
      {Array.from({ length: 8 }, (_, line) => (
        <Skeleton key={line} height={36} />
      ))}
    </Stack>
  );
}
