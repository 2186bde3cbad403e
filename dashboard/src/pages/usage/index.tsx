import { useTranslation } from "react-i18next";
import { useSession } from "../../app/session";
import { Page } from "../../ui/Page";
import { ConsumptionSection } from "./ConsumptionSection";
import { EventsSection } from "./EventsSection";
import { FilterBar } from "./FilterBar";
import { MembersSection } from "./MembersSection";
import { SurplusSection } from "./SurplusSection";
import { useUsageFilters } from "./useUsageFilters";

/** Who consumed what, when, from which pool. Members see their own use; the surplus is their admins' business. */
export function Component() {
  const { t } = useTranslation("usage");
  const { role } = useSession();
  const usage = useUsageFilters();
  return (
    <Page title={t("nav.usage")} lead={t(role === "member" ? "lead_member" : "lead")}>
      <FilterBar usage={usage} />
      {role !== "member" && <SurplusSection usage={usage} />}
      <ConsumptionSection usage={usage} />
      {role !== "member" && <MembersSection usage={usage} />}
      <EventsSection usage={usage} />
    </Page>
  );
}
