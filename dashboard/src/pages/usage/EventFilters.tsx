import { Button, NumberInput, Select, SimpleGrid } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useResourceName } from "../../ui/Amount";
import { inputUnit, IO_TYPES, POOLS } from "./filters";
import type { UsageFilters } from "./useUsageFilters";

/** What narrows the table alone: pool, input or output, and amounts. */
export function EventFilters({ usage: { filters, chosen, resource } }: { usage: UsageFilters }) {
  const { t } = useTranslation("usage");
  const nameOf = useResourceName();
  const of = nameOf(resource);
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, lg: 5 }} spacing="sm" mb="md">
      <Select
        label={t("pool_category")}
        placeholder={t("all")}
        clearable
        clearButtonProps={{ "aria-label": t("clear_pool") }}
        value={chosen.pool}
        onChange={(pool) => filters.set({ pool })}
        data={POOLS.map((pool) => ({ value: pool, label: t(`pool.${pool}`) }))}
      />
      <Select
        label={t("io_type")}
        placeholder={t("all")}
        clearable
        clearButtonProps={{ "aria-label": t("clear_io") }}
        value={chosen.io}
        onChange={(io) => filters.set({ io_type: io })}
        data={IO_TYPES.map((io) => ({ value: io, label: t(`io.${io}`) }))}
      />
      <AmountField
        label={t("min_amount", { resource: of })}
        resource={resource}
        value={chosen.min}
        onChange={(value) => filters.set({ min_amount: value })}
      />
      <AmountField
        label={t("max_amount", { resource: of })}
        resource={resource}
        value={chosen.max}
        onChange={(value) => filters.set({ max_amount: value })}
      />
      <Button variant="default" onClick={filters.clear} disabled={!filters.any} style={{ alignSelf: "end" }}>
        {t("clear")}
      </Button>
    </SimpleGrid>
  );
}

interface FieldProps {
  label: string;
  resource: string;
  /** As the ledger has it. */
  value: number | null;
  onChange: (value: string | null) => void;
}

/** An amount as people write it; it counts once they leave the field or press Enter. */
function AmountField({ label, resource, value, onChange }: FieldProps) {
  const { factor, prefix, suffix } = inputUnit(resource);
  const commit = (text: string) => {
    const typed = Number.parseFloat(text.replace(prefix ?? "", "").replaceAll(",", ""));
    onChange(Number.isFinite(typed) ? String(Math.round(typed * factor)) : null);
  };
  return (
    <NumberInput
      // Another value from the address (a link, "clear") replaces what was typed.
      key={`${value ?? ""} ${resource}`}
      label={label}
      defaultValue={value === null ? undefined : value / factor}
      min={0}
      allowNegative={false}
      decimalScale={factor === 1 ? 0 : 6}
      thousandSeparator=","
      prefix={prefix}
      suffix={suffix}
      hideControls
      onBlur={(event) => commit(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === "Enter") commit(event.currentTarget.value);
      }}
    />
  );
}
