/** appId under which silver's tables keep the bronze version they have applied: a table made anew is another source. */
export function bronzeAppId(dataset: string, tableId: string | undefined): string {
  return `sluice/silver/${dataset}/${tableId ?? 'none'}`;
}
