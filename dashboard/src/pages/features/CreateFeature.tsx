import { Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import { useState, type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";
import { WhyNot } from "../../ui/ConfirmModal";
import { useToast } from "../../ui/useToast";
import { useCreateFeature } from "./writes";

export function CreateFeature({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("features");
  const toast = useToast();
  const [form, setForm] = useState({ key: "", name: "", note: "" });
  const create = useCreateFeature();
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    create.mutate(form, {
      onSuccess: () => {
        toast.done(t("created"));
        onClose();
      },
    });
  };
  const field = (name: keyof typeof form) => (
    <TextInput
      label={t(name)}
      description={name === "key" ? t("key_hint") : undefined}
      required={name !== "note"}
      value={form[name]}
      onChange={(event) => setForm({ ...form, [name]: event.currentTarget.value })}
    />
  );
  return (
    <Modal opened onClose={onClose} title={t("create")} centered closeButtonProps={{ "aria-label": t("modal.close") }}>
      <form onSubmit={submit}>
        <Stack>
          {field("key")}
          {field("name")}
          {field("note")}
          {create.error && <WhyNot error={create.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t("modal.cancel")}
            </Button>
            <Button type="submit" loading={create.isPending}>
              {t("create")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
