import { Box, Button, Text } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { SeriesChart, type SeriesChartProps } from "../../ui/chart/SeriesChart";
import { Section } from "../../ui/Section";
import { Rows } from "../../ui/table/Rows";
import type { Column } from "../../ui/table/columns";

/** A part of the page with a chart, what is said above it, and the choice to see it as a table. */
export function ChartSection(props: { title: string; lead: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <Section title={props.title} actions={props.actions}>
      <Text size="sm" c="dimmed" mb="sm">
        {props.lead}
      </Text>
      {props.children}
    </Section>
  );
}

interface Props<Row> {
  chart: SeriesChartProps;
  columns: Column<Row>[];
  rows: Row[];
  rowId: (row: Row) => string;
}

/** A chart, or all of its figures as a table: for whoever reads numbers better than lines. */
export function ChartOrTable<Row extends object>({ chart, columns, rows, rowId }: Props<Row>) {
  const { t } = useTranslation("usage");
  const [table, setTable] = useState(false);
  return (
    <>
      {table ? (
        <Box mah={360} style={{ overflowY: "auto" }}>
          <Rows caption={chart.label} columns={columns} rows={rows} rowId={rowId} />
        </Box>
      ) : (
        <SeriesChart {...chart} />
      )}
      <Button
        variant="subtle"
        size="xs"
        mt="xs"
        style={{ alignSelf: "flex-start" }}
        aria-pressed={table}
        onClick={() => setTable(!table)}
      >
        {t(table ? "as_chart" : "as_table")}
      </Button>
    </>
  );
}
