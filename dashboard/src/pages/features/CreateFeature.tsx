import { TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { FormModal } from "../../ui/FormModal";
import { useDone } from "../../ui/useToast";
import { useCreateFeature } from "./writes";

export function CreateFeature({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("features");
  const done = useDone(onClose);
  const [form, setForm] = useState({ key: "", name: "", note: "" });
  const create = useCreateFeature();
  const submit = () => create.mutate(form, done(t("created")));
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
    <FormModal
      title={t("create")}
      onClose={onClose}
      submit={t("create")}
      onSubmit={submit}
      pending={create.isPending}
      error={create.error}
    >
      {field("key")}
      {field("name")}
      {field("note")}
    </FormModal>
  );
}
