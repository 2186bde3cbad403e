import { Button } from "@mantine/core";
import { IconRefreshDot } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ImportPrices } from "./ImportPrices";

/** For platform admins: leads to the prices that are published. */
export function UpdatePricing() {
  const { t } = useTranslation("prices");
  const [opened, setOpened] = useState(false);
  return (
    <>
      <Button variant="default" leftSection={<IconRefreshDot size={18} aria-hidden />} onClick={() => setOpened(true)}>
        {t("update")}
      </Button>
      {opened && <ImportPrices onClose={() => setOpened(false)} />}
    </>
  );
}
