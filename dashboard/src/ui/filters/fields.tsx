import { NumberInput, Select, TextInput } from "@mantine/core";
import { useState, type KeyboardEvent } from "react";
import { fromLocalInput, inputUnit, toLocalInput } from "../../format/inputs";
import type { Filters } from "../useFilters";

interface Props {
  filters: Filters;
  name: string;
  label: string;
}

/** A filter that is written: it counts when the field is left or Enter is pressed, not with each letter. */
export function TextFilter({
  filters,
  name,
  label,
  ...field
}: Props & { inputMode?: "numeric"; placeholder?: string }) {
  const kept = filters.one(name) ?? "";
  return <Written key={kept} kept={kept} label={label} onDone={(text) => filters.set({ [name]: text })} {...field} />;
}

/** An amount as people write it: in dollars, in megabytes, or as it is counted. */
export function AmountFilter({ filters, name, label, resource }: Props & { resource: string }) {
  const { factor, prefix, suffix } = inputUnit(resource);
  const kept = filters.one(name);
  const finish = (text: string) => {
    const typed = Number.parseFloat(text.replace(prefix ?? "", "").replaceAll(",", ""));
    const amount = Number.isFinite(typed) ? String(Math.round(typed * factor)) : null;
    if (amount !== kept) filters.set({ [name]: amount });
  };
  return (
    <NumberInput
      size="xs"
      // Another value from the address (a link, "clear") replaces what was typed.
      key={`${kept ?? ""} ${resource}`}
      label={label}
      defaultValue={kept === null ? undefined : Number(kept) / factor}
      allowNegative={false}
      decimalScale={factor === 1 ? 0 : 6}
      thousandSeparator=","
      prefix={prefix}
      suffix={suffix}
      hideControls
      onBlur={(event) => finish(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === "Enter") finish(event.currentTarget.value);
      }}
    />
  );
}

/** A moment, in the viewer's zone. */
export function MomentFilter({ filters, name, label }: Props) {
  const kept = toLocalInput(filters.one(name));
  const done = (text: string) => filters.set({ [name]: fromLocalInput(text) });
  return <Written key={kept} kept={kept} label={label} onDone={done} type="datetime-local" />;
}

export function ChoiceFilter({
  filters,
  name,
  data,
  ...field
}: Props & { data: { value: string; label: string }[] | string[]; placeholder?: string }) {
  return (
    <Select
      size="xs"
      {...field}
      data={data}
      value={filters.one(name)}
      clearable
      searchable={data.length > 8}
      onChange={(chosen) => filters.set({ [name]: chosen })}
    />
  );
}

interface WrittenProps {
  kept: string;
  label: string;
  onDone: (text: string) => void;
  inputMode?: "numeric";
  type?: string;
  placeholder?: string;
}

function Written({ kept, onDone, ...field }: WrittenProps) {
  const [text, setText] = useState(kept);
  const finish = () => {
    if (text.trim() !== kept) onDone(text.trim());
  };
  return (
    <TextInput
      size="xs"
      {...field}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={finish}
      onKeyDown={(event: KeyboardEvent) => {
        if (event.key === "Enter") finish();
      }}
    />
  );
}
