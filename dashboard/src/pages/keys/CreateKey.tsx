import { Fieldset } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useAccount } from "../../api/scope";
import { FormModal } from "../../ui/FormModal";
import { useFocusBack } from "../../ui/useFocusBack";
import { NEW_KEY, newKeyOf } from "./form";
import { KeyFields } from "./KeyFields";
import { LimitFields } from "./LimitFields";
import { limitsOf, textsOf } from "./limits";
import { SecretShown } from "./SecretShown";
import { useCreateKey } from "./writes";

/** Makes a key and shows its secret, once. */
export function CreateKey({ onClose, userId = "" }: { onClose: () => void; userId?: string }) {
  const { t } = useTranslation("keys");
  useFocusBack(); // After both dialogs.
  const { unit } = useAccount();
  const [form, setForm] = useState({ ...NEW_KEY, userId });
  const [texts, setTexts] = useState(() => textsOf(null, unit));
  const [tried, setTried] = useState(false);
  const create = useCreateKey();
  const { limits, wrong } = limitsOf(texts, unit);
  const submit = () => {
    setTried(true);
    if (wrong.length === 0) create.mutate(newKeyOf(form, limits));
  };
  if (create.data) return <SecretShown made={create.data} onClose={onClose} />;
  return (
    <FormModal
      title={t("create")}
      size="lg"
      onClose={onClose}
      submit={t("create")}
      onSubmit={submit}
      pending={create.isPending}
      error={create.error}
    >
      <KeyFields form={form} onChange={setForm} isNew />
      <Fieldset legend={t("limits.title")}>
        <LimitFields texts={texts} onChange={setTexts} wrong={tried ? wrong : []} unit={unit} />
      </Fieldset>
    </FormModal>
  );
}
