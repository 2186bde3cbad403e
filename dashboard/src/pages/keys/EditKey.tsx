import { Button, Group, Modal, Stack } from "@mantine/core";
import { useState, type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";
import { WhyNot } from "../../ui/ConfirmModal";
import { useFocusBack } from "../../ui/useFocusBack";
import { useToast } from "../../ui/useToast";
import { formOf, patchOf, type Key } from "./form";
import { KeyFields } from "./KeyFields";
import { useChangeKey } from "./writes";

export function EditKey({ subject, onClose }: { subject: Key; onClose: () => void }) {
  const { t } = useTranslation("keys");
  useFocusBack();
  const toast = useToast();
  const [form, setForm] = useState(() => formOf(subject));
  const change = useChangeKey(subject.id);
  const patch = patchOf(subject, form);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
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
      title={t("edit")}
      size="lg"
      centered
      closeButtonProps={{ "aria-label": t("modal.close") }}
    >
      <form onSubmit={submit}>
        <Stack>
          <KeyFields form={form} onChange={setForm} isNew={false} />
          {change.error && <WhyNot error={change.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t("modal.cancel")}
            </Button>
            <Button type="submit" loading={change.isPending} disabled={Object.keys(patch).length === 0}>
              {t("save")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
