import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useState, type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { WhyNot } from "../../ui/ConfirmModal";
import { useFocusBack } from "../../ui/useFocusBack";
import { useToast } from "../../ui/useToast";
import { AccountFields } from "./AccountFields";
import { formOf, NEW_ACCOUNT, newAccountOf, patchOf, wrongOf, type Account } from "./form";
import { useChangeAccount, useCreateAccount } from "./writes";

/** Creates an account, or changes one. */
export function AccountModal({ subject, onClose }: { subject: Account | null; onClose: () => void }) {
  const { t } = useTranslation("accounts");
  useFocusBack();
  const toast = useToast();
  const navigate = useNavigate();
  const [form, setForm] = useState(() => (subject === null ? NEW_ACCOUNT : formOf(subject)));
  const create = useCreateAccount();
  const change = useChangeAccount(subject?.id ?? "");
  const write = subject === null ? create : change;
  const patch = subject === null ? null : patchOf(subject, form);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (patch === null) {
      create.mutate(newAccountOf(form), {
        onSuccess: (made) => {
          toast.done(t("created_done"));
          // It has no pack and no key yet: its own pages are where to give it some.
          void navigate(`/admin/accounts/${made.id}/packs`);
        },
      });
      return;
    }
    change.mutate(patch, {
      onSuccess: () => {
        toast.done(t("changed"));
        onClose();
      },
    });
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={t(subject === null ? "create" : "edit")}
      size="lg"
      centered
      closeButtonProps={{ "aria-label": t("modal.close") }}
    >
      <form onSubmit={submit}>
        <Stack>
          <AccountFields form={form} onChange={setForm} isNew={subject === null} />
          {patch?.status === "suspended" && <Text size="sm">{t("suspend_hint")}</Text>}
          {write.error && <WhyNot error={write.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t("modal.cancel")}
            </Button>
            <Button
              type="submit"
              loading={write.isPending}
              disabled={wrongOf(form).length > 0 || (patch !== null && Object.keys(patch).length === 0)}
            >
              {t(subject === null ? "create" : "save")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
