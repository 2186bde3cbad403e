import { Anchor, Grid, Group } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router";
import { reads } from "../../api/reads";
import { useScope, useTo } from "../../api/scope";
import { useRead } from "../../api/useRead";
import { CopyButton } from "../../ui/CopyButton";
import { Loaded } from "../../ui/Loaded";
import { Page } from "../../ui/Page";
import { AttemptsCard } from "./AttemptsCard";
import { ChargeCard } from "./ChargeCard";
import { CountsCard } from "./CountsCard";
import { EntriesCard } from "./EntriesCard";
import { HoldCard } from "./HoldCard";

/** One request from its hold to the ledger: why it cost what it cost, and who paid. */
export function Component() {
  const { t } = useTranslation("request");
  const { requestId = "" } = useParams();
  const to = useTo();
  const request = useRead(reads.request(useScope(), requestId));
  return (
    <Page
      title={t("nav.request")}
      lead={
        <Group component="span" gap={4} wrap="nowrap">
          <code style={{ overflowWrap: "anywhere" }}>{requestId}</code>
          <CopyButton text={requestId} label={t("copy_id")} />
        </Group>
      }
      actions={
        <Anchor component={Link} to={to("ledger")} size="sm">
          <Group component="span" gap={4}>
            <IconArrowLeft size={16} aria-hidden />
            {t("back")}
          </Group>
        </Anchor>
      }
    >
      <Loaded query={request}>
        {(trace) => (
          <Grid>
            <Grid.Col span={{ base: 12, md: 6 }}>
              <ChargeCard trace={trace} />
            </Grid.Col>
            <Grid.Col span={{ base: 12, md: 6 }}>
              <HoldCard trace={trace} />
            </Grid.Col>
            {trace.event && (
              <>
                <Grid.Col span={{ base: 12, md: 6 }}>
                  <CountsCard event={trace.event} />
                </Grid.Col>
                <Grid.Col span={{ base: 12, md: 6 }}>
                  <AttemptsCard event={trace.event} />
                </Grid.Col>
              </>
            )}
            <Grid.Col span={12}>
              <EntriesCard trace={trace} />
            </Grid.Col>
          </Grid>
        )}
      </Loaded>
    </Page>
  );
}
