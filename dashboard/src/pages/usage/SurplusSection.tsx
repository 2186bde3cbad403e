import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useAccount, useScope } from "../../api/scope";
import type { Schema } from "../../api/types";
import { useList } from "../../api/useRead";
import { Amount, useResourceName } from "../../ui/Amount";
import { EmptyState } from "../../ui/EmptyState";
import { Loaded } from "../../ui/Loaded";
import type { Column } from "../../ui/table/columns";
import { ChartOrTable, ChartSection } from "./Chart";
import { ChartWaiting } from "./ChartWaiting";
import { periodOf } from "./range";
import { usePeriodLabel } from "./usePeriodLabel";
import type { UsageFilters } from "./useUsageFilters";

type Surplus = Schema<"Surplus">;
type SurplusStep = Surplus["steps"][number];

const MOVES = ["granted", "used", "expired", "revoked", "refunded", "corrected", "repaid"] as const;

/** How much of the shared packs was left over time: what members reach for once their own budget is used. */
export function SurplusSection({ usage: { moments, resource } }: { usage: UsageFilters }) {
  const { t } = useTranslation("usage");
  const nameOf = useResourceName();
  const surplus = useList(reads.surplus(useScope(), { ...moments, resource }));
  return (
    <ChartSection title={t("surplus_chart")} lead={t("surplus_lead", { resource: nameOf(resource) })}>
      <Loaded query={surplus} skeleton={<ChartWaiting />}>
        {(answer) =>
          isFlat(answer) ? (
            <EmptyState title={t("no_surplus")}>{t("no_surplus_hint")}</EmptyState>
          ) : (
            <SurplusChart surplus={answer} />
          )
        }
      </Loaded>
    </ChartSection>
  );
}

/** Whether there never was a surplus, nor a change of it. */
export function isFlat({ opening, steps }: Surplus): boolean {
  return opening === 0 && steps.every((step) => step.balance === 0 && step.lowest === 0);
}

function SurplusChart({ surplus }: { surplus: Surplus }) {
  const { t } = useTranslation("usage");
  const { time_zone: zone } = useAccount();
  const labelOf = usePeriodLabel();
  const { resource, step, steps } = surplus;
  const columns = useMemo(() => {
    const nameOf = (from: string) => labelOf(periodOf(Date.parse(from), step, zone));
    const amount = (id: string, of: (row: SurplusStep) => number, card: "line" | "more"): Column<SurplusStep> => ({
      id,
      header: t(`surplus.${id}`),
      align: "right",
      card,
      cell: (row) => <Amount value={of(row)} resource={resource} />,
    });
    return [
      { id: "period", header: t(`step.${step}`), card: "title" as const, cell: (row: SurplusStep) => nameOf(row.from) },
      amount("balance", (row) => row.balance, "line"),
      amount("lowest", (row) => row.lowest, "line"),
      ...MOVES.map((move) => amount(move, (row) => row[move] ?? 0, "more")),
    ];
  }, [t, labelOf, resource, step, zone]);
  return (
    <ChartOrTable
      columns={columns}
      rows={steps}
      rowId={(row) => row.from}
      chart={{
        label: t("surplus_chart"),
        axis: t(`step.${step}`),
        kind: "line",
        zoomed: true,
        resource,
        series: [
          { name: "balance", label: t("surplus.balance"), color: "cyan.7" },
          { name: "lowest", label: t("surplus.lowest"), color: "orange.6" },
        ],
        points: steps.map((one) => ({
          label: labelOf(periodOf(Date.parse(one.from), step, zone)),
          values: { balance: one.balance, lowest: one.lowest },
        })),
      }}
    />
  );
}
