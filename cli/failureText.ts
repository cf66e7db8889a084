// The text for a failed command: one line for anything an operator can fix, else the stack.
import { ExpectedError } from '../base/errors.ts'
import { ClientError } from '../client/clientError.ts'
import { StoreError } from '../storage/types.ts'

const SYSTEM_REASONS: { readonly [code: string]: string } = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EEXIST: 'exists already',
  EISDIR: 'is a directory',
  ENOTDIR: 'is not a directory',
  ENOSPC: 'no space left on the device',
  EROFS: 'the file system is read-only',
}

/** Describes an operating system error with its path or port. */
function systemErrorText(error: NodeJS.ErrnoException): string | undefined {
  const { code, path, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string }
  if (code === 'EADDRINUSE') return `port ${port} of ${address ?? 'this machine'} is taken by another program`
  if (code === 'EADDRNOTAVAIL') return `${address} is not an address of this machine`
  const reason = code === undefined ? undefined : SYSTEM_REASONS[code]
  return reason === undefined || path === undefined ? undefined : `${path}: ${reason}`
}

/** One line without a stack for expected errors; the stack for bugs. */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof StoreError && error.code === 'Corrupt')
    return `${error.message} (ask \`suanli doctor -d DIR\`)`
  if (error instanceof ClientError && error.code === 'transport')
    return `${error.message} (is a node running there? --rpc or SUANLI_RPC names another)`
  if (error instanceof ExpectedError) return error.message
  return systemErrorText(error) ?? error.stack ?? error.message
}
