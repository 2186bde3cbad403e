import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { kindOf } from "../../format/amounts";
import { useFormat } from "../../format/useFormat";
import { Amount } from "../../ui/Amount";
import { UnlimitedBadge } from "../../ui/badges";
import { Figure, Figures } from "../../ui/Figure";

/** The four figures above the allocations. */
export function Summary({ allocations }: { allocations: Schema<"Allocations"> }) {
  const { t } = useTranslation("allocations");
  const format = useFormat();
  const { unit, total, available, unlimited } = allocations;
  // Tokens are called so, as the users' own words have it; dollars and pages are not.
  const of = unit === "tokens" ? "tokens" : "amount";
  const named = kindOf(unit) === "number" && unit !== "tokens";
  return (
    <Figures>
      <Figure label={t(`total_${of}`)}>
        <Amount value={total} resource={unit} named={named} />
      </Figure>
      <Figure label={t(`available_${of}`)} note={unlimited ? <UnlimitedBadge /> : undefined}>
        <Amount value={available} resource={unit} named={named} />
      </Figure>
      <Figure label={t("used_this_month")} note={t("from_the_first")}>
        <Amount value={allocations.used_this_month} resource={unit} named={named} />
      </Figure>
      <Figure label={t("active_allocations")}>{format.number(allocations.active_allocations)}</Figure>
    </Figures>
  );
}
