import { Select, TextInput } from "@mantine/core";
import { useState, type KeyboardEvent } from "react";
import { fromLocalInput, toLocalInput } from "../../format/inputs";
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

/** An amount, in dollars where the account pays in credits. */
export function AmountFilter({ filters, name, label, resource }: Props & { resource: string }) {
  const scale = resource === "credits" ? 1_000_000 : 1;
  const stored = filters.one(name);
  const kept = stored === null ? "" : String(Number(stored) / scale);
  const done = (text: string) => {
    const amount = Math.round(Number(text.replaceAll(",", "")) * scale);
    filters.set({ [name]: text === "" || !Number.isFinite(amount) || amount < 0 ? null : String(amount) });
  };
  return <Written key={kept} kept={kept} label={label} onDone={done} inputMode="numeric" />;
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
  label,
  data,
}: Props & { data: { value: string; label: string }[] | string[] }) {
  return (
    <Select
      size="xs"
      label={label}
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
