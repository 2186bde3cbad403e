import { Button, Group, Stack, Text } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { adminReads } from "../../api/adminReads";
import type { Schema } from "../../api/types";
import { useRead } from "../../api/useRead";
import { useResourceName } from "../../ui/Amount";
import { WordBadge } from "../../ui/badges";
import { EmptyState } from "../../ui/EmptyState";
import { Page } from "../../ui/Page";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { CreateFeature } from "./CreateFeature";
import { RatesModal } from "./RatesModal";
import { Retire } from "./Retire";

type Feature = Schema<"Feature">;
type Opened = { what: "rates" | "retire"; feature: Feature } | { what: "create" };

export function Component() {
  const { t } = useTranslation("features");
  const features = useRead(adminReads.features());
  const [open, setOpen] = useState<Opened | null>(null);
  const close = () => setOpen(null);
  const columns = useColumns((what, feature) => setOpen({ what, feature }));
  return (
    <Page
      title={t("nav.features")}
      lead={t("lead")}
      actions={
        <Button leftSection={<IconPlus size={18} aria-hidden />} onClick={() => setOpen({ what: "create" })}>
          {t("create")}
        </Button>
      }
    >
      <DataTable
        caption={t("nav.features")}
        columns={columns}
        query={features}
        rowId={(row) => row.key}
        empty={<EmptyState title={t("empty")}>{t("empty_hint")}</EmptyState>}
      />
      {open?.what === "create" && <CreateFeature onClose={close} />}
      {open?.what === "rates" && <RatesModal feature={open.feature} onClose={close} />}
      {open?.what === "retire" && <Retire feature={open.feature} onClose={close} />}
    </Page>
  );
}

function useColumns(onOpen: (what: "rates" | "retire", feature: Feature) => void): Column<Feature>[] {
  const { t } = useTranslation("features");
  return [
    {
      id: "name",
      header: t("name"),
      card: "title",
      cell: (feature) => (
        <Stack gap={0}>
          <Text fw={600}>{feature.name}</Text>
          <Text size="sm" c="dimmed">
            {feature.key}
          </Text>
        </Stack>
      ),
    },
    {
      id: "status",
      header: t("status_label"),
      card: "title",
      cell: (feature) => (
        <WordBadge color={feature.retired_at === null ? "green" : "gray"}>
          {t(feature.retired_at === null ? "status.active" : "retired")}
        </WordBadge>
      ),
    },
    {
      id: "rates",
      header: t("rates_now"),
      card: "line",
      cell: (feature) => (feature.rates.length === 0 ? t("no_rate") : <RatesNow rates={feature.rates} />),
    },
    { id: "note", header: t("note"), cell: (feature) => (feature.note === "" ? "–" : feature.note) },
    {
      id: "actions",
      header: t("actions"),
      card: "line",
      cell: (feature) => (
        // In a table it stands on the left, on a card on the right, as all else there.
        <Group gap="xs" wrap="nowrap" display="inline-flex">
          <Button variant="default" size="xs" onClick={() => onOpen("rates", feature)}>
            {t("rates")}
          </Button>
          <Button
            variant="subtle"
            size="xs"
            color={feature.retired_at === null ? "red" : undefined}
            onClick={() => onOpen("retire", feature)}
          >
            {t(feature.retired_at === null ? "retire" : "restore")}
          </Button>
        </Group>
      ),
    },
  ];
}

function RatesNow({ rates }: { rates: Feature["rates"] }) {
  const { t } = useTranslation("features");
  const nameOf = useResourceName();
  return (
    <Stack gap={0}>
      {rates.map((rate) => (
        <Text key={`${rate.model ?? ""} ${rate.unit}`} size="sm">
          {t("rate_line", {
            rate: rate.rate ?? t("ended"),
            unit: nameOf(rate.unit),
            base: t(`bases.${rate.base}`),
            model: rate.model ?? t("any_model"),
          })}
        </Text>
      ))}
    </Stack>
  );
}
