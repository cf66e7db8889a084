// The text for a failed command: one line for anything an operator can fix, else the stack.
import { InvalidArgumentError } from 'commander'
import { ExpectedError } from '../base/errors.ts'
import { printable } from '../base/printable.ts'
import { LightClientError } from '../client/errors.ts'
import { diskFaultText } from '../storage/diskFault.ts'
import { StoreError } from '../storage/types.ts'
import { isUnanswered } from './exitCode.ts'

const SYSTEM_REASONS: { readonly [code: string]: string } = {
  ENOENT: 'no such file or directory',
  EEXIST: 'exists already',
  EISDIR: 'is a directory',
  ENOTDIR: 'is not a directory',
  EFBIG: 'is longer than any file of its kind',
}

/** Describes an operating system error with its path, port or name. */
function systemErrorText(error: NodeJS.ErrnoException): string | undefined {
  const { code, path, port, address, hostname } = error as NodeJS.ErrnoException & {
    port?: number
    address?: string
    hostname?: string
  }
  const where = address ?? 'this machine'
  if (code === 'EADDRINUSE') return `port ${port} of ${where} is taken by another program`
  if (code === 'EACCES' && port !== undefined)
    return `port ${port} of ${where} is not for this user: choose one above 1023`
  if (code === 'EADDRNOTAVAIL') return `${address} is not an address of this machine`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `${hostname}: no such host`
  const fault = diskFaultText(error)
  if (fault !== undefined) return fault
  const reason = code === undefined ? undefined : SYSTEM_REASONS[code]
  return reason === undefined || path === undefined ? undefined : `${path}: ${reason}`
}

/** One line without a stack for expected errors; the stack for bugs. */
export function failureText(error: unknown): string {
  // Libraries and other nodes write messages of several lines.
  const line = lineOf(error)
  return line === undefined
    ? ((error as Error).stack ?? (error as Error).message)
    : printable(line.replace(/\s*[\r\n]+\s*/g, ' ').trim())
}

/** Undefined for a bug. */
function lineOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof StoreError && error.code === 'Corrupt')
    return `${error.message} (ask \`suanli doctor -d DIR\`)`
  if (isUnanswered(error))
    return `${error.message} (is a node running there? --rpc or SUANLI_RPC names another)`
  if (error instanceof LightClientError && error.check === 'setHash')
    return `${error.message} (after a lost quorum was replaced, \`--recovery FILE\` follows the chain: docs/operations/quorum-loss.md)`
  if (error instanceof ExpectedError || error instanceof InvalidArgumentError) return error.message
  return systemErrorText(error)
}
