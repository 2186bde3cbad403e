import { NumberInput, SimpleGrid } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { isMoney, LIMITS, type LimitName, type LimitTexts } from "./limits";

interface Props {
  texts: LimitTexts;
  onChange: (texts: LimitTexts) => void;
  wrong: LimitName[];
  unit: string;
  /** What is used of each limit now, to stand below its field. */
  notes?: Partial<Record<LimitName, string>>;
}

/** The five limits; an empty field is no limit. */
export function LimitFields({ texts, onChange, wrong, unit, notes }: Props) {
  const { t } = useTranslation("keys");
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
      {LIMITS.map((name) => {
        const money = isMoney(name, unit);
        return (
          <NumberInput
            key={name}
            label={t(`limit.${name}`)}
            placeholder={t("limit.none")}
            description={notes?.[name]}
            prefix={money ? "$" : undefined}
            decimalScale={money ? 6 : 0}
            allowNegative={false}
            thousandSeparator
            hideControls
            value={texts[name]}
            // A string keeps all digits of what was written.
            onValueChange={({ value }) => onChange({ ...texts, [name]: value })}
            error={wrong.includes(name) ? t("limit.wrong") : undefined}
          />
        );
      })}
    </SimpleGrid>
  );
}
