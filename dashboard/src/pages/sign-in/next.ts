/** Where to go after signing in: a path of this app, never another site (`//host`, `\host`). */
export function safeNext(next: string | null): string | null {
  return next !== null && /^\/(?![/\\])/.test(next) ? next : null;
}
