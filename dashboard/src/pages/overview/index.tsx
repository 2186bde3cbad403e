import { Grid } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useScope } from "../../api/scope";
import { useRead } from "../../api/useRead";
import { Loaded } from "../../ui/Loaded";
import { Page } from "../../ui/Page";
import { AccountCard } from "./AccountCard";
import { BalanceCard } from "./BalanceCard";
import { HeadActions } from "./HeadActions";
import { QuickActions } from "./QuickActions";
import { StateBanner } from "./StateBanner";
import { StatisticsCard } from "./StatisticsCard";
import { Summary } from "./Summary";
import { TopCards } from "./TopCards";
import { UsageCard, type Days } from "./UsageCard";

/** How an account stands: its balance, what it used, who used it, and what to do. */
export function Component() {
  const { t } = useTranslation("overview");
  const overview = useRead(reads.overview(useScope()));
  const [days, setDays] = useState<Days>(7);
  return (
    <Page title={t("title")} lead={t("lead")} actions={<HeadActions />}>
      <Loaded query={overview}>
        {({ account, balance, statistics, used }) => (
          <>
            <StateBanner balance={balance} />
            <Summary />
            <Grid>
              <Grid.Col span={{ base: 12, md: 6, lg: 4 }}>
                <BalanceCard balance={balance} />
              </Grid.Col>
              <Grid.Col span={{ base: 12, md: 6, lg: 4 }}>
                <StatisticsCard balance={balance} statistics={statistics} used={used} />
              </Grid.Col>
              <Grid.Col span={{ base: 12, lg: 4 }}>
                <AccountCard account={account} />
              </Grid.Col>
            </Grid>
          </>
        )}
      </Loaded>
      <QuickActions />
      <UsageCard days={days} onDays={setDays} />
      <TopCards days={days} />
    </Page>
  );
}
