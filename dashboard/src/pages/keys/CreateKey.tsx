import { Button, Fieldset, Group, Modal, Stack } from "@mantine/core";
import { useState, type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";
import { useAccount } from "../../api/scope";
import { WhyNot } from "../../ui/ConfirmModal";
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
  useFocusBack();
  const { unit } = useAccount();
  const [form, setForm] = useState({ ...NEW_KEY, userId });
  const [texts, setTexts] = useState(() => textsOf(null, unit));
  const [tried, setTried] = useState(false);
  const create = useCreateKey();
  const { limits, wrong } = limitsOf(texts, unit);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (wrong.length === 0) create.mutate(newKeyOf(form, limits));
  };
  if (create.data) return <SecretShown made={create.data} onClose={onClose} />;
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("create")}
      size="lg"
      centered
      closeButtonProps={{ "aria-label": t("modal.close") }}
    >
      <form onSubmit={submit}>
        <Stack>
          <KeyFields form={form} onChange={setForm} isNew />
          <Fieldset legend={t("limits")}>
            <LimitFields texts={texts} onChange={setTexts} wrong={tried ? wrong : []} unit={unit} />
          </Fieldset>
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
