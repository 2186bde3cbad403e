import { Skeleton, Table } from "@mantine/core";
import { lazy, Suspense } from "react";
import { useFormat } from "../../format/useFormat";

/** One moment of a chart: what stands on the axis, and a figure for each series. */
export interface Point {
  label: string;
  values: Record<string, number>;
}

export interface Series {
  name: string;
  label: string;
  color: string;
}

export interface SeriesChartProps {
  /** What the chart shows, for those who can't see it. */
  label: string;
  /** What the axis counts: "Day". */
  axis: string;
  points: Point[];
  series: Series[];
  resource: string;
  kind: "bar" | "area" | "line";
  /** Series stand on one another, since they add up. */
  stacked?: boolean;
  /** The axis begins where the figures do, not at 0: for what only changes a little. Lines only: bars would lie. */
  zoomed?: boolean;
  height?: number;
}

const Drawing = lazy(() => import("./Drawing"));

/** A chart, fetched when it is needed, with the same figures as a table for screen readers. */
export function SeriesChart(props: SeriesChartProps) {
  return (
    <figure style={{ margin: 0 }}>
      <div aria-hidden="true">
        <Suspense fallback={<Skeleton height={props.height ?? 240} />}>
          <Drawing {...props} />
        </Suspense>
      </div>
      <Figures {...props} />
    </figure>
  );
}

function Figures({ label, axis, points, series, resource }: SeriesChartProps) {
  const format = useFormat();
  return (
    <div className="visually-hidden">
      <Table>
        <caption>{label}</caption>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{axis}</Table.Th>
            {series.map((one) => (
              <Table.Th key={one.name} scope="col">
                {one.label}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {points.map((point) => (
            <Table.Tr key={point.label}>
              <Table.Th scope="row">{point.label}</Table.Th>
              {series.map((one) => (
                <Table.Td key={one.name}>{format.amount(point.values[one.name] ?? 0, resource)}</Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}
