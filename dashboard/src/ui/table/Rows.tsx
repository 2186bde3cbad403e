import { useMediaQuery } from "@mantine/hooks";
import { tableFeatures, useTable, type ColumnDef } from "@tanstack/react-table";
import { useMemo } from "react";
import { PHONE } from "../phone";
import { Cards } from "./Cards";
import type { Column, Sorting } from "./columns";
import { Grid } from "./Grid";
import { SortChoice } from "./SortChoice";

// Sorting, filters and pages are the server's: the table itself only lays out what it is given.
const features = tableFeatures({});

interface Props<Row> {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  rowId: (row: Row) => string;
  sorting?: Sorting;
  /** What opens a row; undefined for one that does not. */
  openOf?: (row: Row) => (() => void) | undefined;
  openLabel?: (row: Row) => string;
}

/** Rows that are there, as a table, or as cards on a phone. A list that is read by itself is a `DataTable`. */
export function Rows<Row extends object>({ columns, rows, rowId, openOf = opensNothing, ...shared }: Props<Row>) {
  const phone = useMediaQuery(PHONE);
  const definitions = useMemo(
    () =>
      columns.map((column): ColumnDef<typeof features, Row> => ({
        id: column.id,
        header: column.header,
        cell: ({ row }) => column.cell(row.original),
      })),
    [columns],
  );
  const table = useTable({ features, columns: definitions, data: rows, getRowId: rowId });
  const laidOut = table.getRowModel().rows.map((row) => ({ id: row.id, row: row.original }));
  const Layout = phone ? Cards<Row> : Grid<Row>;
  return (
    <>
      {phone && shared.sorting && <SortChoice columns={columns} sorting={shared.sorting} />}
      <Layout {...shared} openOf={openOf} columns={columns} rows={laidOut} />
    </>
  );
}

function opensNothing(): undefined {
  return undefined;
}
