import { Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { FormModal } from "../../ui/FormModal";
import { useDone, useToast } from "../../ui/useToast";
import { AccountFields } from "./AccountFields";
import { formOf, NEW_ACCOUNT, newAccountOf, patchOf, wrongOf, type Account } from "./form";
import { useChangeAccount, useCreateAccount } from "./writes";

/** Creates an account, or changes one. */
export function AccountModal({ subject, onClose }: { subject: Account | null; onClose: () => void }) {
  const { t } = useTranslation("accounts");
  const done = useDone(onClose);
  const toast = useToast();
  const navigate = useNavigate();
  const [form, setForm] = useState(() => (subject === null ? NEW_ACCOUNT : formOf(subject)));
  const create = useCreateAccount();
  const change = useChangeAccount(subject?.id ?? "");
  const write = subject === null ? create : change;
  const patch = subject === null ? null : patchOf(subject, form);
  const submit = () => {
    if (patch !== null) {
      change.mutate(patch, done(t("changed")));
      return;
    }
    create.mutate(newAccountOf(form), {
      onSuccess: (made) => {
        toast.done(t("created_done"));
        // It has no pack and no key yet: its own pages are where to give it some.
        void navigate(`/admin/accounts/${made.id}/packs`);
      },
    });
  };
  return (
    <FormModal
      title={t(subject === null ? "create" : "edit")}
      size="lg"
      onClose={onClose}
      submit={t(subject === null ? "create" : "save")}
      onSubmit={submit}
      pending={write.isPending}
      disabled={wrongOf(form).length > 0 || (patch !== null && Object.keys(patch).length === 0)}
      error={write.error}
    >
      <AccountFields form={form} onChange={setForm} isNew={subject === null} />
      {patch?.status === "suspended" && <Text size="sm">{t("suspend_hint")}</Text>}
    </FormModal>
  );
}
