import { Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { modelsOf } from "../../api/models";
import { reads } from "../../api/reads";
import { useScope } from "../../api/scope";
import { useRead } from "../../api/useRead";
import { useSession } from "../../app/session";
import { Loaded } from "../../ui/Loaded";
import { Page } from "../../ui/Page";
import { Waiting } from "../../ui/Waiting";
import { UpdatePricing } from "../prices/UpdatePricing";
import { Calculator } from "./Calculator";
import { EstimateSection } from "./EstimateSection";
import { PricesSection } from "./PricesSection";
import { FeatureRatesSection, TokenRatesSection } from "./RatesSection";

/** What things cost, how far the balance goes, and what a prompt would cost before it is sent. */
export function Component() {
  const { t } = useTranslation("pricing");
  const { role } = useSession();
  const scope = useScope();
  const pricing = useRead(reads.pricing(scope));
  return (
    <Page title={t("nav.pricing")} lead={t("lead")} actions={role === "platform_admin" && <UpdatePricing />}>
      <EstimateSection />
      <Loaded query={pricing} skeleton={<Waiting lines={10} />}>
        {(answer) => (
          <Stack gap="lg">
            {/* Counting is for whoever may call a model: an admin's session can't. */}
            {scope.kind === "account" && <Calculator models={modelsOf(answer)} />}
            <PricesSection pricing={answer} />
            {answer.unit === "tokens" && <TokenRatesSection rates={answer.rates} />}
            <FeatureRatesSection features={answer.features} />
          </Stack>
        )}
      </Loaded>
    </Page>
  );
}
