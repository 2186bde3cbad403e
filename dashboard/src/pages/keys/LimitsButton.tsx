import { Button } from "@mantine/core";
import { IconAdjustments } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useScope } from "../../api/scope";
import { LimitsModal } from "./LimitsModal";
import type { LimitSubject } from "./writes";

/** Leads to the limits of an account, or of a model in it. Platform admins set these, nobody else. */
export function LimitsButton({ of, name }: { of: LimitSubject; name: string }) {
  const { t } = useTranslation("keys"); // The dialog's, so that the page need not wait for them when it opens.
  const { kind } = useScope();
  const [opened, setOpened] = useState(false);
  if (kind !== "admin") return null;
  return (
    <>
      <Button
        variant="default"
        size="xs"
        leftSection={<IconAdjustments size={16} aria-hidden />}
        aria-label={t("limits.of", { name })}
        onClick={() => setOpened(true)}
      >
        {t("limits.title")}
      </Button>
      {opened && <LimitsModal of={of} name={name} onClose={() => setOpened(false)} />}
    </>
  );
}
