import { Alert, Box, Button, Code, Group, Stack, Text } from "@mantine/core";
import { IconEyeOff } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { modelsOf } from "../../api/models";
import { reads } from "../../api/reads";
import { useScope } from "../../api/scope";
import type { Schema } from "../../api/types";
import { useRead } from "../../api/useRead";
import { useSession } from "../../app/session";
import { CopyButton } from "../../ui/CopyButton";
import { Dialog } from "../../ui/Dialog";
import { Time } from "../../ui/Time";
import { curlLine, pythonLines } from "./lines";

const BUILT_IN = "simulated"; // It answers wherever no provider is set up.

/** The secret of a key, which nobody can show again, with lines that try it out. */
export function SecretShown({ made, onClose }: { made: Schema<"NewApiKey">; onClose: () => void }) {
  const { t } = useTranslation("keys");
  const { gateway } = useSession();
  const pricing = useRead(reads.pricing(useScope()));
  const model = made.models?.[0] ?? (pricing.data && modelsOf(pricing.data)[0]) ?? BUILT_IN;
  return (
    <Dialog
      opened
      onClose={onClose}
      title={t("secret.title", { name: made.name === "" ? made.prefix : made.name })}
      size="lg"
      closeOnClickOutside={false}
    >
      <Stack>
        {made.key === null ? (
          // The answer to a repeated change: the first one, which had the secret, was lost.
          <Alert color="red" role="alert">
            {t("secret.lost")}
          </Alert>
        ) : (
          <>
            <Alert color="yellow" icon={<IconEyeOff aria-hidden />}>
              <Text fw={600}>{t("secret.once")}</Text>
              <Text size="sm">{t("secret.keep")}</Text>
            </Alert>
            <Copied label={t("secret.key")} text={made.key} />
            {made.previous_valid_until !== null && (
              <Text size="sm">
                {t("secret.old_until")} <Time at={made.previous_valid_until} />
              </Text>
            )}
            <Copied label="curl" text={curlLine(gateway.base_url, made.key, model)} />
            <Copied label="Python" text={pythonLines(gateway.base_url, made.key, model)} />
          </>
        )}
        <Group justify="flex-end">
          <Button onClick={onClose}>{t("secret.done")}</Button>
        </Group>
      </Stack>
    </Dialog>
  );
}

function Copied({ label, text }: { label: string; text: string }) {
  const { t } = useTranslation("keys");
  return (
    <Box>
      <Group justify="space-between" mb={4}>
        <Text size="sm" fw={600}>
          {label}
        </Text>
        <CopyButton text={text} label={t("secret.copy", { what: label })} />
      </Group>
      {/* A block that scrolls takes the focus, so that it scrolls by keys, too. */}
      <Code block tabIndex={0} style={{ overflowX: "auto" }}>
        {text}
      </Code>
    </Box>
  );
}
