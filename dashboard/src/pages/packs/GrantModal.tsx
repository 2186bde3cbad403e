import { useState } from "react";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useAccount, useScope } from "../../api/scope";
import { useRead } from "../../api/useRead";
import { fromLocalInput } from "../../format/inputs";
import { FormModal } from "../../ui/FormModal";
import { useDone } from "../../ui/useToast";
import { ofGrant } from "./consequences";
import { GrantFields, type Granting } from "./GrantFields";
import { WhatHappens } from "./WhatHappens";
import { useGrant } from "./writes";

/** Grant a pack; while it is filled in, it says what will happen to the balance. */
export function GrantModal({ accountId, onClose }: { accountId: string; onClose: () => void }) {
  const { t } = useTranslation("packs");
  const done = useDone(onClose);
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

  const submit = () =>
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
      done(t("grant.done")),
    );
  return (
    <FormModal
      title={t("grant.title")}
      size="lg"
      onClose={onClose}
      submit={t("grant.confirm")}
      onSubmit={submit}
      disabled={!asked.unlimited && size === 0}
      pending={grant.isPending}
      error={grant.error}
    >
      <GrantFields accountId={accountId} asked={asked} onChange={setAsked} />
      {balance.data && size > 0 && !asked.unlimited && (
        <WhatHappens
          resource={asked.resource}
          consequence={ofGrant(balance.data, size)}
          also={asked.member === "" ? [] : [t("happens.own", { member: asked.member })]}
        />
      )}
    </FormModal>
  );
}

/** The size in the resource's own unit: people write dollars, the ledger counts micro-dollars. */
function inUnits({ size, resource }: Granting): number {
  const written = Number(size);
  if (!Number.isFinite(written) || written <= 0) return 0;
  return resource === "credits" ? Math.round(written * 1_000_000) : Math.floor(written);
}
