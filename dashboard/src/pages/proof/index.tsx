import { Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { adminReads } from "../../api/adminReads";
import { useRead } from "../../api/useRead";
import { Loaded } from "../../ui/Loaded";
import { Page } from "../../ui/Page";
import { Audit } from "./Audit";
import { DriftList } from "./DriftList";
import { Seals } from "./Seals";
import { State } from "./State";

/** Whether the books are right: the invariants, what is under way, drift, and the seals. */
export function Component() {
  const { t } = useTranslation("proof");
  const proof = useRead(adminReads.proof());
  return (
    <Page title={t("nav.proof")} lead={t("lead")}>
      <Loaded query={proof}>
        {(data) => (
          <Stack gap="lg">
            <State proof={data} />
            <Audit audit={data.audit} />
          </Stack>
        )}
      </Loaded>
      <DriftList />
      <Seals />
    </Page>
  );
}
