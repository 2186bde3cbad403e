import { Skeleton } from "@mantine/core";

/** Stands in for a chart, as high as one. */
export function ChartWaiting() {
  return <Skeleton height={240} radius="md" aria-busy="true" />;
}
