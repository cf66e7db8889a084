// Recognises what the system refuses: full, read-only and failing disks, other users' files. Owns: the words for it.
// Not: damaged contents (levelCheck.ts), what a running node says of it (node/watch/trouble.ts).
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

const REASONS: { readonly [code: string]: string } = {
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EIO: 'input/output error: check the disk',
  EMFILE: 'this process has too many open files',
}
/** As LevelDB says it, without a code. */
const SAID: { readonly [text: string]: string } = {
  'No space left on device': 'ENOSPC',
  'Disk quota exceeded': 'EDQUOT',
  'Read-only file system': 'EROFS',
  'Permission denied': 'EACCES',
  'Operation not permitted': 'EPERM',
  'Input/output error': 'EIO',
  'Too many open files': 'EMFILE',
}
const LEVEL_ERROR = new RegExp(`^IO error: (.+): (${Object.keys(SAID).join('|')})$`)
const CAUSES_MAX = 8

/** One line that names the file, where it is known, and why the system refuses it; undefined for any other error. */
export function diskFaultText(error: unknown): string | undefined {
  let at = error
  for (let i = 0; at instanceof Error && i < CAUSES_MAX; i++, at = at.cause) {
    const [, file, said] = LEVEL_ERROR.exec(at.message) ?? []
    if (said !== undefined) return faultText(SAID[said]!, file)
    const { code, path, syscall } = at as NodeJS.ErrnoException
    const refused = refusedFolder(code, path, syscall)
    if (refused !== undefined) return refused
    if (code !== undefined && Object.hasOwn(REASONS, code) && syscall !== undefined)
      return faultText(code, path)
  }
  return undefined
}

function faultText(code: string, path: string | undefined): string {
  const reason = `${REASONS[code]}${code === 'EACCES' && path !== undefined ? ownerText(path) : ''}`
  return path === undefined ? reason : `${path}: ${reason}`
}

/** Making several folders at once fails with "no such file" whatever the reason is: ask the nearest that is there. */
function refusedFolder(code: string | undefined, path: string | undefined, syscall: string | undefined) {
  if (code !== 'ENOENT' || syscall !== 'mkdir' || path === undefined) return undefined
  const there = nearest(path)
  try {
    accessSync(there, constants.W_OK)
    return undefined
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? ''
    return Object.hasOwn(REASONS, reason) ? faultText(reason, there) : undefined
  }
}

function nearest(path: string): string {
  let at = path
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at)
  return at
}

/** Whose it is, when it is not this process's user's. */
function ownerText(path: string): string {
  const own = process.getuid?.()
  const owner = statSync(nearest(path), { throwIfNoEntry: false })?.uid
  return own === undefined || owner === undefined || owner === own
    ? ''
    : `: it belongs to user ${owner}, this process to user ${own}`
}
