// A request as others write it: copied into a terminal or a program.
import { html, type TemplateResult } from 'lit'
import type { Json } from '../../base/field.ts'
import { copyButton } from '../ui/states.ts'
import { words } from '../words/language.ts'
import { explorerMessages } from './messages.ts'

export interface Request {
  readonly method: string
  readonly params: readonly Json[]
}

/** One word of a POSIX shell, whatever it holds. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

export function asCurl({ method, params }: Request, url: string): string {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  return `curl -s ${url} -H 'content-type: application/json' -d ${quoted(body)}`
}

export function asCast({ method, params }: Request, url: string): string {
  return `cast rpc --rpc-url ${url} --raw ${method} ${quoted(JSON.stringify(params))}`
}

export function asViem({ method, params }: Request, url: string): string {
  const [name, address] = [JSON.stringify(method), JSON.stringify(url)]
  return `await createPublicClient({ transport: http(${address}) }).request({ method: ${name}, params: ${JSON.stringify(params)} })`
}

export function copyAs(request: Request): TemplateResult {
  const m = words(explorerMessages)
  const url = `${location.origin}/`
  return html`<div class="row small no-print">
    <span class="soft">${m.copyAs}</span>
    ${copyButton(asCurl(request, url), 'curl')} ${copyButton(asCast(request, url), 'cast')}
    ${copyButton(asViem(request, url), 'viem')}
  </div>`
}
