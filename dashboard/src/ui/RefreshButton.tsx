import { Button } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useRefreshData } from "./useRefreshData";

/** Reads everything that is on the page again. */
export function RefreshButton({ size }: { size?: "xs" }) {
  const { t } = useTranslation();
  const { refresh, refreshing } = useRefreshData();
  return (
    <Button
      variant="default"
      size={size}
      loading={refreshing}
      onClick={() => void refresh()}
      leftSection={<IconRefresh size={size === "xs" ? 16 : 18} aria-hidden />}
    >
      {t("footer.refresh")}
    </Button>
  );
}
