// Log lines for people, of the JSON that programs get. Owns: their form. Not: what is logged.
import { printable } from '../base/printable.ts'

export const LOG_FORMATS = ['auto', 'json', 'text'] as const
/** `auto`: for people on a terminal, JSON for programs everywhere else. */
export type LogFormat = (typeof LOG_FORMATS)[number]

/** Shown in front of the text. */
const HEAD: ReadonlySet<string> = new Set(['level', 'time', 'name', 'room', 'msg'])
/** Values without spaces, quotes and control characters stand as they are. */
const PLAIN = /^[^\s"=\p{C}]+$/u
function valueText(value: unknown): string {
  if (typeof value === 'string' && PLAIN.test(value)) return value
  return printable(JSON.stringify(value))
}

/** An error's stack, each line indented; its message is its first line. */
function stackText(name: string, value: unknown): string | undefined {
  const stack = (value as { readonly stack?: unknown } | null)?.stack
  if ((name !== 'err' && name !== 'error') || typeof stack !== 'string') return undefined
  return stack
    .split('\n')
    .map((line) => `\n    ${printable(line)}`)
    .join('')
}

/** `2026-12-01 00:05:03.123 INFO  [p2p] a peer is connected  peer=12D3Koo…`; a line that is no JSON object stays. */
export function logText(line: string): string {
  let fields: Readonly<Record<string, unknown>>
  try {
    fields = JSON.parse(line) as Readonly<Record<string, unknown>>
  } catch {
    return line
  }
  const { level = '', time = '', name, room, msg = '' } = fields
  const of = [name, room].filter((part) => part !== undefined).map((part) => printable(String(part)))
  const place = of.length === 0 ? '' : `[${of.join(' ')}] `
  const at = String(time).replace('T', ' ').replace('Z', '')
  let values = ''
  let stacks = ''
  for (const [key, value] of Object.entries(fields)) {
    if (HEAD.has(key)) continue
    const stack = stackText(key, value)
    if (stack === undefined) values += ` ${printable(key)}=${valueText(value)}`
    else stacks += stack
  }
  const gap = values === '' ? '' : ' '
  return `${at} ${String(level).toUpperCase().padEnd(5)} ${place}${printable(String(msg))}${gap}${values}${stacks}\n`
}
