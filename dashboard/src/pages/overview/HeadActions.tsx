import { useTranslation } from "react-i18next";
import { fileOf, reads } from "../../api/reads";
import { useScope } from "../../api/scope";
import { useRead } from "../../api/useRead";
import { DownloadButton } from "../../ui/DownloadButton";
import { RefreshButton } from "../../ui/RefreshButton";

/** What people look for at the top of the page: the newest figures, and all transactions as a file. */
export function HeadActions() {
  const { t } = useTranslation("overview");
  const scope = useScope();
  const newest = useRead(reads.ledger(scope, { limit: 1 }));
  return (
    <>
      <RefreshButton />
      <DownloadButton
        href={fileOf(scope, "ledger", {})}
        label={t("action.download")}
        empty={newest.data?.data.length === 0}
      />
    </>
  );
}
