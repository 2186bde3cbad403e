import { NumberInput, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Pack } from "../../api/types";
import { fromLocalInput, toLocalInput } from "../../format/inputs";
import { FormModal } from "../../ui/FormModal";
import { useDone } from "../../ui/useToast";
import { useChange } from "./writes";

/** What may be changed of a pack: its note, its place in line, its end. Never its size. */
export function EditModal({ pack, onClose }: { pack: Pack; onClose: () => void }) {
  const { t } = useTranslation("packs");
  const done = useDone(onClose);
  const change = useChange(pack.id);
  const [note, setNote] = useState(pack.note);
  const [priority, setPriority] = useState<number | string>(pack.priority);
  const [expires, setExpires] = useState(toLocalInput(pack.expires_at));
  const untouched = expires === toLocalInput(pack.expires_at);

  const submit = () =>
    change.mutate(
      {
        note,
        priority: Number(priority),
        // The field has no seconds: one that nobody touched must not move the expiry.
        ...(untouched ? {} : { expires_at: fromLocalInput(expires) }),
      },
      done(t("edit.done")),
    );
  return (
    <FormModal
      title={t("edit.title")}
      onClose={onClose}
      submit={t("edit.confirm")}
      onSubmit={submit}
      pending={change.isPending}
      error={change.error}
    >
      <TextInput label={t("note")} value={note} onChange={(event) => setNote(event.currentTarget.value)} />
      <TextInput
        type="datetime-local"
        label={t("expires")}
        description={t("field.expires_hint")}
        value={expires}
        onChange={(event) => setExpires(event.currentTarget.value)}
      />
      <NumberInput
        label={t("field.priority")}
        description={t("field.priority_hint")}
        min={0}
        allowDecimal={false}
        value={priority}
        onChange={setPriority}
      />
      {!untouched && (
        <Text size="sm" role="status">
          {t(expires === "" ? "edit.never_expires" : "edit.expires")}
        </Text>
      )}
    </FormModal>
  );
}
