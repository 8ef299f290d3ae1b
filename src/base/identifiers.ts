/** A name as SQL text. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Names as an SQL list. */
export function quotedList(names: readonly string[]): string {
  return names.map(quoted).join(', ');
}

/** A text as SQL has it, for where SQL takes no parameters, as in definitions of views and macros. */
export function quotedText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/**
 * A statement whose `{placeholders}` stand for what SQL takes no parameters for: identifiers, and values of views.
 * Throws where a placeholder has no text.
 */
export function filled(sql: string, parts: Readonly<Record<string, string>>): string {
  return sql.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const part = parts[name];
    if (part === undefined) throw new Error(`the statement has no text for {${name}}`);
    return part;
  });
}
