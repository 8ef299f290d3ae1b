/** A name as SQL has it. Names come from contracts; they cannot be parameters. */
export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `schema.view` as SQL has it. */
export function quotedPath(name: string): string {
  return name.split('.').map(quotedName).join('.');
}
