import { SegmentedControl } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useAccount, useScope } from "../../api/scope";
import { useList } from "../../api/useRead";
import { byDay, lastDays, since } from "../../format/days";
import { useFormat } from "../../format/useFormat";
import { SeriesChart } from "../../ui/chart/SeriesChart";
import { EmptyState } from "../../ui/EmptyState";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Section";

export const RANGES = [7, 30] as const;
export type Days = (typeof RANGES)[number];

/** What was charged on each of the last days, its input below its output. */
export function UsageCard({ days, onDays }: { days: Days; onDays: (days: Days) => void }) {
  const { t } = useTranslation("overview");
  const format = useFormat();
  const { unit, time_zone: zone } = useAccount();
  const usage = useList(reads.usage(useScope(), { interval: "day", from: since(days, new Date()), sort: "at" }));
  const range = (
    <SegmentedControl
      size="xs"
      aria-label={t("range")}
      value={String(days)}
      onChange={(chosen) => onDays(RANGES.find((range) => String(range) === chosen) ?? 7)}
      data={RANGES.map((range) => ({ value: String(range), label: t("last_days", { count: range }) }))}
    />
  );
  return (
    <Section title={t("usage_by_day")} actions={range}>
      <Loaded query={usage}>
        {(series) =>
          series.data.length === 0 ? (
            <EmptyState title={t("no_usage")}>{t("no_usage_hint")}</EmptyState>
          ) : (
            <SeriesChart
              label={t("usage_by_day")}
              axis={t("day")}
              kind="bar"
              stacked
              resource={unit}
              series={[
                { name: "input", label: t("input"), color: "cyan.8" },
                { name: "output", label: t("output"), color: "orange.6" },
              ]}
              points={byDay(lastDays(days, new Date(), zone), series.data).map(([day, point]) => ({
                label: format.periodDay(day),
                values: { input: point?.input_amount ?? 0, output: point?.output_amount ?? 0 },
              }))}
            />
          )
        }
      </Loaded>
    </Section>
  );
}
