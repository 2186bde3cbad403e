import { useTranslation } from "react-i18next";
import { kindOf } from "../format/amounts";
import { useFormat } from "../format/useFormat";

interface Props {
  value: number;
  /** What it is an amount of: `tokens`, `credits`, `storage_bytes`, … */
  resource: string;
  /** Say what it is an amount of, too: "1,234 tokens". */
  named?: boolean;
  /** Say "+" before what is above 0. */
  signed?: boolean;
}

/** An amount, formatted by its resource; the number that is stored is shown on hover. */
export function Amount({ value, resource, named = false, signed = false }: Props) {
  const format = useFormat();
  const nameOf = useResourceName();
  const text = `${signed && value > 0 ? "+" : ""}${format.amount(value, resource)}`;
  const exact = kindOf(resource) === "number" ? undefined : format.number(value);
  return (
    <span className="farebox-amount" title={exact}>
      {named && kindOf(resource) === "number" ? `${text} ${nameOf(resource, value)}` : text}
    </span>
  );
}

/** The name of a resource, as many as there are; one that an operator made up is its own name. */
export function useResourceName(): (resource: string, count?: number) => string {
  const { t } = useTranslation();
  return (resource, count = 2) => t(`resource.${resource}`, { count, defaultValue: resource.replaceAll("_", " ") });
}
