import { setNonce } from "get-nonce";

/** The nonce that the gateway put into this page: styles that a script adds need it under the strict policy. */
export function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>("meta[property='csp-nonce']")?.nonce ?? "";
}

/** Hand the nonce to what adds styles besides Mantine (the scroll lock of its dialogs). */
export function shareNonce(): void {
  setNonce(styleNonce());
}
