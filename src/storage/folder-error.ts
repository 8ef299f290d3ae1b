import { SluiceError } from '../base/errors.ts';

/** A file system's error in our words: which folder, which object, what to do. */
export function folderError(root: string, name: string, setting: string, cause: unknown): SluiceError {
  const code = codeOf(cause) ?? 'unknown';
  const context = { path: name, folder: root, reason: code };
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (['EACCES', 'EPERM', 'EROFS'].includes(code)) {
    const remedy = `give this user the right, or change ${setting}`;
    const message = `unauthorized: the folder ${root} refused ${name} (${code}); ${remedy}`;
    return new SluiceError('storage_unauthorized', message, { context, cause });
  }
  if (['EEXIST', 'ENOTDIR'].includes(code)) {
    const message = `${root} cannot hold ${name}: a file stands where a folder is needed; change ${setting}`;
    return new SluiceError('configuration', message, { context, cause });
  }
  const message = `the folder ${root} failed on ${name}: ${reason}; see that the disk works and has room (${setting})`;
  return new SluiceError('storage_unavailable', message, { context, cause });
}

/** `ENOENT` and the like. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
