import "@mantine/charts/styles.css";
import { AreaChart, BarChart, LineChart } from "@mantine/charts";
import { useReducedMotion } from "@mantine/hooks";
import { useFormat } from "../../format/useFormat";
import type { SeriesChartProps } from "./SeriesChart";

/** The chart itself; a module of its own, so that only pages with a chart fetch the library. */
export default function Drawing({
  points,
  series,
  resource,
  kind,
  stacked = false,
  zoomed = false,
  height = 240,
}: SeriesChartProps) {
  const format = useFormat();
  const still = useReducedMotion();
  const shared = {
    h: height,
    data: points.map((point) => ({ label: point.label, ...point.values })),
    dataKey: "label",
    series: series.map((one) => ({ name: one.name, label: one.label, color: one.color })),
    withLegend: series.length > 1,
    valueFormatter: (value: number) => format.amount(value, resource),
    yAxisProps: {
      width: zoomed ? 88 : 64,
      domain: zoomed ? ["auto", "auto"] : undefined,
      // Short forms of nearly equal figures would all be the same.
      tickFormatter: (value: number) => (zoomed ? format.amount(value, resource) : format.compact(value, resource)),
    },
    tickLine: "none" as const,
  };
  // The drawing is hidden from screen readers, which have the table: nothing in it may take the focus.
  const unfocused = { accessibilityLayer: false };
  switch (kind) {
    case "bar":
      return (
        <BarChart
          {...shared}
          type={stacked ? "stacked" : "default"}
          maxBarWidth={48}
          barProps={{ isAnimationActive: !still }}
          barChartProps={unfocused}
        />
      );
    case "area":
      return (
        <AreaChart
          {...shared}
          type={stacked ? "stacked" : "default"}
          curveType="monotone"
          areaProps={{ isAnimationActive: !still }}
          areaChartProps={unfocused}
        />
      );
    case "line":
      return (
        <LineChart
          {...shared}
          curveType="linear"
          lineProps={{ isAnimationActive: !still }}
          lineChartProps={unfocused}
        />
      );
  }
}
