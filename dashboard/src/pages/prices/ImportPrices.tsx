import { Button, Checkbox, Group, List, Modal, ScrollArea, Stack, TagsInput, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { useFormat } from "../../format/useFormat";
import { WhyNot } from "../../ui/ConfirmModal";
import { EmptyState } from "../../ui/EmptyState";
import { useToast } from "../../ui/useToast";
import { changesOf } from "./form";
import { useImportPrices } from "./writes";

/** Compares the table with the published prices, shows what would change, and asks before it changes exactly that. */
export function ImportPrices({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("prices");
  const toast = useToast();
  const format = useFormat();
  const [choice, setChoice] = useState({ models: [] as string[], everything: false });
  const look = useImportPrices();
  const apply = useImportPrices();
  const found = look.data;
  const asked = { everything: choice.everything, ...(choice.models.length === 0 ? {} : { models: choice.models }) };
  const confirm = (digest: string) =>
    apply.mutate(
      { ...asked, apply: digest },
      {
        onSuccess: (done) => {
          toast.done(t("import.done", { number: format.number(done.changes.length) }));
          onClose();
        },
      },
    );
  const error = look.error ?? apply.error;
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("import.title")}
      size="lg"
      centered
      closeButtonProps={{ "aria-label": t("modal.close") }}
    >
      <Stack>
        {found === undefined ? (
          <>
            <Text size="sm">{t("import.hint")}</Text>
            <TagsInput
              label={t("import.models")}
              description={t("import.models_hint")}
              value={choice.models}
              onChange={(models) => setChoice({ ...choice, models })}
            />
            <Checkbox
              label={t("import.everything")}
              checked={choice.everything}
              onChange={(event) => setChoice({ ...choice, everything: event.currentTarget.checked })}
            />
          </>
        ) : (
          <Plan plan={found} />
        )}
        {error && <WhyNot error={error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t("modal.cancel")}
          </Button>
          {found === undefined ? (
            <Button loading={look.isPending} onClick={() => look.mutate(asked)}>
              {t("import.look")}
            </Button>
          ) : (
            <Button
              loading={apply.isPending}
              disabled={found.changes.length === 0}
              onClick={() => confirm(found.digest)}
            >
              {t("import.apply", { number: format.number(found.changes.length) })}
            </Button>
          )}
        </Group>
      </Stack>
    </Modal>
  );
}

function Plan({ plan }: { plan: Schema<"ImportedPrices"> }) {
  const { t } = useTranslation("prices");
  const format = useFormat();
  const money = (micro: number | undefined) => (micro === undefined ? "–" : format.money(micro));
  return (
    <Stack gap="sm">
      <Text size="sm">{t("import.source", { source: plan.source })}</Text>
      {plan.unknown.length > 0 && <Text size="sm">{t("import.unknown", { models: format.list(plan.unknown) })}</Text>}
      {plan.changes.length === 0 ? (
        <EmptyState title={t("import.same")} />
      ) : (
        <ScrollArea.Autosize mah={360} type="auto" viewportProps={{ tabIndex: 0 }}>
          <List size="sm" spacing="xs">
            {plan.changes.map(({ before, after }) => (
              <List.Item key={`${after.model} ${after.service_tier ?? ""} ${after.above_prompt_tokens ?? 0}`}>
                <Text fw={600} size="sm">
                  {after.model} {after.service_tier}
                  {after.above_prompt_tokens ? ` > ${format.number(after.above_prompt_tokens)}` : ""}
                </Text>
                {after.ended
                  ? t("ended")
                  : changesOf(before, after).map((one) => (
                      <Text key={one.name} size="sm">
                        {t("pair", {
                          name: t(`price.${one.name}`),
                          value: `${money(one.before)} → ${money(one.after)}`,
                        })}
                      </Text>
                    ))}
              </List.Item>
            ))}
          </List>
        </ScrollArea.Autosize>
      )}
    </Stack>
  );
}
