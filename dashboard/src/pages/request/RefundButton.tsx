import { Button } from "@mantine/core";
import { IconReceiptRefund } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Event } from "../../api/types";
import { useSession } from "../../app/session";
import { leftOf } from "./refund";
import { RefundModal } from "./RefundModal";
import type { Trace } from "./trace";

/** Leads a platform admin to the refund of a request, while something is left to give back. */
export function RefundButton({ trace, event }: { trace: Trace; event: Event }) {
  const { t } = useTranslation("request");
  const { role } = useSession();
  const [opened, setOpened] = useState(false);
  if (role !== "platform_admin" || (leftOf(trace) === 0 && !opened)) return null;
  return (
    <>
      <Button
        variant="default"
        size="xs"
        leftSection={<IconReceiptRefund size={16} aria-hidden />}
        onClick={() => setOpened(true)}
      >
        {t("refund.open")}
      </Button>
      {opened && <RefundModal trace={trace} event={event} onClose={() => setOpened(false)} />}
    </>
  );
}
