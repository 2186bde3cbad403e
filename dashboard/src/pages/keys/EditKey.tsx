import { useState } from "react";
import { useTranslation } from "react-i18next";
import { FormModal } from "../../ui/FormModal";
import { useDone } from "../../ui/useToast";
import { formOf, patchOf, type Key } from "./form";
import { KeyFields } from "./KeyFields";
import { useChangeKey } from "./writes";

export function EditKey({ subject, onClose }: { subject: Key; onClose: () => void }) {
  const { t } = useTranslation("keys");
  const done = useDone(onClose);
  const [form, setForm] = useState(() => formOf(subject));
  const change = useChangeKey(subject.id);
  const patch = patchOf(subject, form);
  const submit = () => change.mutate(patch, done(t("changed")));
  return (
    <FormModal
      title={t("edit")}
      size="lg"
      onClose={onClose}
      submit={t("save")}
      onSubmit={submit}
      pending={change.isPending}
      disabled={Object.keys(patch).length === 0}
      error={change.error}
    >
      <KeyFields form={form} onChange={setForm} isNew={false} />
    </FormModal>
  );
}
