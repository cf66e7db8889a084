// Describes in one line why a node stopped, in terms an operator can act on. Owns: recognising disk failures.
// Not: errors of the command line (cli/failureText.ts).

const DISK_TROUBLES: readonly (readonly [RegExp, string])[] = [
  [/ENOSPC|No space left on device/i, 'the disk is full: free space, then start the node again'],
  [/EDQUOT|quota exceeded/i, 'the disk quota is used up: raise it, then start the node again'],
  [/EROFS|Read-only file system/i, 'the file system is read-only: check the disk, then start the node again'],
  [/\bEIO\b|Input\/output error/i, 'the disk fails (input/output error): check it before anything else'],
]
const CAUSES_MAX = 8

/** One line: the disk failure in an operator's words, else the message. Follows causes. */
export function troubleText(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown failure'
  let at: unknown = error
  for (let i = 0; at instanceof Error && i < CAUSES_MAX; i++) {
    const said = `${(at as NodeJS.ErrnoException).code ?? ''} ${at.message}`
    const trouble = DISK_TROUBLES.find(([pattern]) => pattern.test(said))
    if (trouble !== undefined) return `${trouble[1]} (${at.message})`
    at = at.cause
  }
  return error.message
}
