import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useScope } from "../../api/scope";
import { useRead } from "../../api/useRead";
import { Amount } from "../../ui/Amount";
import { Figure, Figures, FiguresWaiting } from "../../ui/Figure";
import { Loaded } from "../../ui/Loaded";

/** The four figures at the top: what may be spent, what was, and on how many models. */
export function Summary() {
  const { t } = useTranslation("overview");
  const allocations = useRead(reads.allocations(useScope()));
  return (
    <Loaded query={allocations} skeleton={<FiguresWaiting />}>
      {(all) => {
        const credits = all.unit === "credits";
        const unlimited = all.unlimited ? t("amount.unlimited") : null;
        return (
          <Figures>
            <Figure label={t(credits ? "total_credits" : "total_tokens")} note={t("total_note")}>
              {unlimited ?? <Amount value={all.total} resource={all.unit} />}
            </Figure>
            <Figure label={t(credits ? "available_credits" : "available_tokens")} note={t("available_note")}>
              {unlimited ?? <Amount value={all.available} resource={all.unit} />}
            </Figure>
            <Figure label={t("used_this_month")} note={t("month_note")}>
              <Amount value={all.used_this_month} resource={all.unit} />
            </Figure>
            <Figure label={t("active_allocations")} note={t("allocations_note")}>
              {all.active_allocations}
            </Figure>
          </Figures>
        );
      }}
    </Loaded>
  );
}
