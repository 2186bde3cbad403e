import { Alert, List } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useFormat } from "../../format/useFormat";
import type { Consequence } from "./consequences";

interface Props {
  resource: string;
  consequence: Consequence;
  /** What else happens, besides the balance. */
  also?: string[];
}

/** Says in words what a change will do to the balance, before it is done. */
export function WhatHappens({ resource, consequence, also = [] }: Props) {
  const { t } = useTranslation("packs");
  const format = useFormat();
  const { before, after, repaid, turn } = consequence;
  const amount = (value: number) => format.amount(value, resource);
  const lines = [
    t(after >= before ? "happens.rises" : "happens.falls", { before: amount(before), after: amount(after) }),
    ...(repaid > 0 ? [t("happens.repaid", { amount: amount(repaid) })] : []),
    ...(turn === "stops" ? [t("happens.stops")] : []),
    ...(turn === "resumes" ? [t("happens.resumes")] : []),
    ...also,
  ];
  return (
    <Alert color={turn === "stops" ? "red" : "cyan"} title={t("happens.title")} role="status">
      <List size="sm">
        {lines.map((line) => (
          <List.Item key={line}>{line}</List.Item>
        ))}
      </List>
    </Alert>
  );
}
