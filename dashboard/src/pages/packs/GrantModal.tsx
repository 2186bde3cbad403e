import { Button, Group, Modal, Stack } from "@mantine/core";
import { useState, type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useAccount, useScope } from "../../api/scope";
import { useRead } from "../../api/useRead";
import { fromLocalInput } from "../../format/inputs";
import { WhyNot } from "../../ui/ConfirmModal";
import { useToast } from "../../ui/useToast";
import { ofGrant } from "./consequences";
import { GrantFields, type Granting } from "./GrantFields";
import { WhatHappens } from "./WhatHappens";
import { useGrant } from "./writes";

interface Props {
  accountId: string;
  opened: boolean;
  onClose: () => void;
}

/** Grant a pack; while it is filled in, it says what will happen to the balance. */
export function GrantModal({ accountId, opened, onClose }: Props) {
  const { t } = useTranslation("packs");
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("grant.title")}
      closeButtonProps={{ "aria-label": t("modal.close") }}
      size="lg"
    >
      <GrantForm accountId={accountId} onClose={onClose} />
    </Modal>
  );
}

function GrantForm({ accountId, onClose }: { accountId: string; onClose: () => void }) {
  const { t } = useTranslation("packs");
  const toast = useToast();
  const { unit } = useAccount();
  const grant = useGrant(accountId);
  const [asked, setAsked] = useState<Granting>({
    size: "",
    unlimited: false,
    resource: unit,
    note: "",
    expires: "",
    member: "",
    models: [],
    priority: 50,
  });
  const balance = useRead(reads.balance(useScope(), { resource: asked.resource }));
  const size = inUnits(asked);
  const complete = asked.unlimited || size > 0;

  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    grant.mutate(
      {
        size: asked.unlimited ? null : size,
        unlimited: asked.unlimited,
        resource: asked.resource,
        note: asked.note,
        expires_at: fromLocalInput(asked.expires),
        user_id: asked.member === "" ? null : asked.member,
        models: asked.models.length === 0 ? null : asked.models,
        priority: asked.priority,
      },
      {
        onSuccess: () => {
          toast.done(t("grant.done"));
          onClose();
        },
      },
    );
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <GrantFields accountId={accountId} asked={asked} onChange={setAsked} />
        {balance.data && size > 0 && !asked.unlimited && (
          <WhatHappens
            resource={asked.resource}
            consequence={ofGrant(balance.data, size)}
            also={asked.member === "" ? [] : [t("happens.own", { member: asked.member })]}
          />
        )}
        {grant.error && <WhyNot error={grant.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t("modal.cancel")}
          </Button>
          <Button type="submit" loading={grant.isPending} disabled={!complete}>
            {t("grant.confirm")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** The size in the resource's own unit: people write dollars, the ledger counts micro-dollars. */
function inUnits({ size, resource }: Granting): number {
  const written = Number(size);
  if (!Number.isFinite(written) || written <= 0) return 0;
  return resource === "credits" ? Math.round(written * 1_000_000) : Math.floor(written);
}
