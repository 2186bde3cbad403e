import { SegmentedControl } from "@mantine/core";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useAccount, useScope } from "../../api/scope";
import type { Schema } from "../../api/types";
import { useList } from "../../api/useRead";
import { useSession } from "../../app/session";
import { useFormat } from "../../format/useFormat";
import { Amount, useResourceName } from "../../ui/Amount";
import type { Point } from "../../ui/chart/SeriesChart";
import { EmptyState } from "../../ui/EmptyState";
import { Loaded } from "../../ui/Loaded";
import type { Column } from "../../ui/table/columns";
import { ChartOrTable, ChartSection } from "./Chart";
import { ChartWaiting } from "./ChartWaiting";
import { drawn, drawnByMember, topMembers } from "./consumption";
import { VIEWS, type View } from "./filters";
import { slotsOf } from "./range";
import { useMemberTotals } from "./useMemberTotals";
import { usePeriodLabel } from "./usePeriodLabel";
import type { UsageFilters } from "./useUsageFilters";

/** What was consumed over time: by what paid for it, as input and output, or by member. */
export function ConsumptionSection({ usage }: { usage: UsageFilters }) {
  const { t } = useTranslation("usage");
  const { role } = useSession();
  const nameOf = useResourceName();
  const format = useFormat();
  const { chosen, filters, moments, resource } = usage;
  const view: View = role === "member" && chosen.view === "member" ? "pool" : chosen.view;
  const sums = useList(reads.usage(useScope(), seriesOf(usage)));
  const people = chosen.users.length === 0 ? t("everybody") : format.list(chosen.users);
  return (
    <ChartSection
      title={t("consumption_chart")}
      lead={t("consumption_lead", { resource: nameOf(resource), people: role === "member" ? t("you") : people })}
      actions={
        <SegmentedControl
          size="xs"
          aria-label={t("by")}
          value={view}
          onChange={(chosenView) => filters.set({ by: chosenView === "pool" ? null : chosenView })}
          data={VIEWS.filter((one) => one !== "member" || role !== "member").map((one) => ({
            value: one,
            label: t(`view.${one}`),
          }))}
        />
      }
    >
      <Loaded query={sums} skeleton={<ChartWaiting />}>
        {(answer) =>
          answer.data.length === 0 ? (
            <EmptyState title={t("no_usage")}>{t(filters.any ? "no_match_hint" : "no_usage_hint")}</EmptyState>
          ) : view === "member" ? (
            <ByMember usage={usage} sums={answer.data} />
          ) : (
            <Drawing view={view} usage={usage} sums={answer.data} step={moments.step} />
          )
        }
      </Loaded>
    </ChartSection>
  );
}

function seriesOf({ chosen, moments, resource }: UsageFilters) {
  const { from, to, step } = moments;
  return { interval: step, from, to, resource, sort: "at", user_id: chosen.users } as const;
}

interface DrawingProps {
  usage: UsageFilters;
  sums: Schema<"UsagePoint">[];
}

function Drawing({ usage, sums, view }: DrawingProps & { view: Exclude<View, "member">; step: string }) {
  const { t } = useTranslation("usage");
  const input = useInput({ usage, sums });
  return <Chart usage={usage} {...drawn(input, view, t)} />;
}

function ByMember({ usage, sums }: DrawingProps) {
  const { t } = useTranslation("usage");
  const totals = useMemberTotals(usage);
  const members = topMembers(totals.data?.data ?? []);
  const query = { ...seriesOf(usage), group_by: ["member" as const], user_id: members };
  const points = useList({ ...reads.usage(useScope(), query), enabled: members.length > 0 });
  const input = useInput({ usage, sums });
  return (
    <Loaded query={totals} skeleton={<ChartWaiting />}>
      {() =>
        members.length === 0 ? (
          <Chart usage={usage} {...drawnByMember(input, [], [], t)} />
        ) : (
          <Loaded query={points} skeleton={<ChartWaiting />}>
            {(answer) => <Chart usage={usage} {...drawnByMember(input, members, answer.data, t)} />}
          </Loaded>
        )
      }
    </Loaded>
  );
}

function useInput({ usage: { moments }, sums }: DrawingProps) {
  const { time_zone: zone } = useAccount();
  const labelOf = usePeriodLabel();
  return useMemo(
    () => ({ slots: slotsOf(moments, new Date(), zone), step: moments.step, labelOf, sums }),
    [moments, zone, labelOf, sums],
  );
}

function Chart({ usage, series, points }: { usage: UsageFilters } & ReturnType<typeof drawn>) {
  const { t } = useTranslation("usage");
  const { resource, moments } = usage;
  const axis = t(`step.${moments.step}`);
  const columns: Column<Point>[] = [
    { id: "period", header: axis, card: "title", cell: (row) => row.label },
    ...series.map((one): Column<Point> => ({
      id: one.name,
      header: one.label,
      align: "right",
      card: "line",
      cell: (row) => <Amount value={row.values[one.name] ?? 0} resource={resource} />,
    })),
  ];
  return (
    <ChartOrTable
      chart={{ label: t("consumption_chart"), axis, kind: "bar", stacked: true, resource, series, points }}
      columns={columns}
      rows={points}
      rowId={(row) => row.label}
    />
  );
}
