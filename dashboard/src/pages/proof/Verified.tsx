import { Alert, Code, List, Text } from "@mantine/core";
import { IconLockCheck, IconLockX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { useFormat } from "../../format/useFormat";

/** What recomputing the chain from the rows has found. */
export function Verified({ result }: { result: Schema<"Verification"> }) {
  const { t } = useTranslation("proof");
  const format = useFormat();
  return (
    <Alert
      color={result.clean ? "green" : "red"}
      role={result.clean ? "status" : "alert"}
      icon={result.clean ? <IconLockCheck aria-hidden /> : <IconLockX aria-hidden />}
    >
      <Text fw={600}>
        {result.clean
          ? t("seals.clean", { seals: format.number(result.seals), entries: format.number(result.entries) })
          : t("seals.tampered", { number: format.number(result.findings.length) })}
      </Text>
      <Text size="sm">{t("seals.unsealed", { number: format.number(result.unsealed) })}</Text>
      {result.head !== null && (
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          {t("seals.head")} <Code>{result.head}</Code>
        </Text>
      )}
      {result.findings.length > 0 && (
        <List size="sm" mt="xs">
          {result.findings.map((finding) => (
            <List.Item key={`${finding.position} ${finding.what} ${finding.id ?? ""} ${finding.seq ?? ""}`}>
              {t(`seals.${finding.found}`, { position: format.number(finding.position) })} {finding.why}
            </List.Item>
          ))}
        </List>
      )}
    </Alert>
  );
}
