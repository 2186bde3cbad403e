import { memo, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { piecesOf } from "./tokens";
import classes from "./pricing.module.css";

interface Props {
  text: string;
  tokens: { start: number; end: number }[];
}

const COLOURS = 5;

/** A text in its tokens: neighbours have different colours, and a line between them. */
export const ColouredTokens = memo(function ColouredTokens({ text, tokens }: Props) {
  const { t } = useTranslation("pricing");
  const pieces = useMemo(() => piecesOf(text, tokens), [text, tokens]);
  return (
    // A region that scrolls has to take the focus, so that it scrolls by keys, too.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={classes.tokens} role="region" aria-label={t("tokens_of_text")} tabIndex={0}>
      {pieces.map((piece, index) => (
        <span
          key={index}
          className={piece.tokens === 0 ? undefined : classes.token}
          data-colour={piece.tokens === 0 ? undefined : index % COLOURS}
          title={piece.tokens > 1 ? t("tokens_in_one", { count: piece.tokens }) : undefined}
        >
          {piece.text}
        </span>
      ))}
    </div>
  );
});
