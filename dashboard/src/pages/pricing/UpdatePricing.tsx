import { Button, Checkbox, Stack, Text } from "@mantine/core";
import { IconRefreshDot } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { answered, client } from "../../api/client";
import type { Schema } from "../../api/types";
import { useWrite } from "../../api/writes";
import { ConfirmModal } from "../../ui/ConfirmModal";
import { useToast } from "../../ui/useToast";
import { Waiting } from "../../ui/Waiting";
import { PriceChanges } from "./PriceChanges";

type Import = Schema<"PriceImport">;

/** For platform admins: shows what the published prices would change, and changes it when that is confirmed. */
export function UpdatePricing() {
  const { t } = useTranslation("pricing");
  const toast = useToast();
  const [opened, setOpened] = useState(false);
  const [everything, setEverything] = useState(false);
  const preview = useMutation({
    mutationFn: (body: Import) => answered(client.POST("/admin/v1/prices/import", { body })),
  });
  const apply = useWrite((body: Import, header) =>
    answered(client.POST("/admin/v1/prices/import", { body, params: { header } })),
  );
  const changes = preview.data?.changes.length ?? 0;

  const look = (all: boolean) => {
    setEverything(all);
    apply.reset();
    preview.mutate({ everything: all });
  };
  const confirm = () => {
    if (preview.data === undefined || changes === 0) {
      look(everything);
      return;
    }
    apply.mutate(
      { everything, apply: preview.data.digest },
      {
        onSuccess: () => {
          setOpened(false);
          toast.done(t("updated", { count: changes }));
        },
      },
    );
  };

  return (
    <>
      <Button
        variant="default"
        leftSection={<IconRefreshDot size={18} aria-hidden />}
        onClick={() => {
          setOpened(true);
          look(false);
        }}
      >
        {t("update_pricing")}
      </Button>
      <ConfirmModal
        opened={opened}
        onClose={() => setOpened(false)}
        title={t("update_pricing")}
        confirm={changes === 0 ? t("look_again") : t("apply", { count: changes })}
        onConfirm={confirm}
        pending={apply.isPending || preview.isPending}
        error={apply.error ?? preview.error}
      >
        <Stack>
          <Text size="sm">{t("update_lead")}</Text>
          <Checkbox
            label={t("everything")}
            checked={everything}
            onChange={(event) => look(event.currentTarget.checked)}
          />
          {preview.isPending && <Waiting lines={3} />}
          {preview.isSuccess && <PriceChanges found={preview.data} />}
        </Stack>
      </ConfirmModal>
    </>
  );
}
