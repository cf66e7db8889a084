// How single values look: amounts, hashes, addresses, times, names that strangers chose. Every figure can lead to the query
// that it came from. Not: words of a view, layout.
import { html, nothing, type TemplateResult } from 'lit'
import { checksumAddress } from '../../base/address.ts'
import { parseHex } from '../../base/bytes.ts'
import { addressOf } from '../routes.ts'
import { ago, coins, coinsExact, count, dateTime } from '../words/format.ts'
import { words } from '../words/language.ts'
import { uiMessages } from './messages.ts'

/** The request that a figure was read from. */
export interface Source {
  readonly method: string
  readonly params?: { readonly [name: string]: unknown }
}

export type Part = TemplateResult | string | typeof nothing

/** Where the console shows and runs a request. */
export function sourceAddress({ method, params = {} }: Source): string {
  return addressOf(
    'console',
    [method],
    Object.keys(params).length === 0 ? {} : { params: JSON.stringify(params) },
  )
}

/** A value as a link to its query. */
export function sourced(source: Source | undefined, value: Part): Part {
  if (source === undefined) return value
  const title = words(uiMessages).source(source.method)
  return html`<a class="source" href=${sourceAddress(source)} title=${title}>${value}</a>`
}

/** Coins, rounded down, all digits in the title. */
export function amount(amountBase: bigint, source?: Source): Part {
  const exact = words(uiMessages).exact(`${coinsExact(amountBase)} ACPC`)
  return sourced(
    source,
    html`<span class="amount"><data value=${amountBase.toString()} title=${exact}>${coins(amountBase)}</data> <span class="unit">ACPC</span></span>`,
  )
}

export function number(value: number | bigint, source?: Source): Part {
  return sourced(source, html`${count(value)}`)
}

const middle = (text: string, first: number, last: number): string =>
  text.length <= first + last + 1 ? text : `${text.slice(0, first)}…${text.slice(-last)}`

function checksummed(of: string): string {
  const bytes = parseHex(of)
  return bytes?.length === 20 ? checksumAddress(bytes as Parameters<typeof checksumAddress>[0]) : of
}

/** Begin and end differ in lookalike addresses often enough to be seen, but not always: the whole is in the title, and copied. */
export function address(of: string, { isFull = false } = {}): TemplateResult {
  const whole = checksummed(of)
  const text = isFull ? whole : middle(whole, 8, 6)
  return html`<a class="address" href=${addressOf('explorer', ['account', whole])} title=${whole}>${text}</a>`
}

export function blockLink(height: number): TemplateResult {
  return html`<a href=${addressOf('explorer', ['block', height])}>${count(height)}</a>`
}

export function transactionLink(hash: string, { isFull = false } = {}): TemplateResult {
  const text = isFull ? hash : middle(hash, 10, 6)
  return html`<a class="address" href=${addressOf('explorer', ['tx', hash])} title=${hash}>${text}</a>`
}

export function hash(of: string, { isFull = false } = {}): TemplateResult {
  return html`<span class="address ${isFull ? 'untrusted' : ''}" title=${of}>${isFull ? of : middle(of, 10, 6)}</span>`
}

/** Characters that reorder or hide text around them; a name needs none of them. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/gu
const NAME_LENGTH_MAX = 48

/** What a stranger chose to be called: isolated, without characters that disguise it, and never longer than a line. */
export function cleanName(text: string): string {
  const clean = text.replace(INVISIBLE, '\u{FFFD}').trim()
  const points = [...clean]
  return points.length <= NAME_LENGTH_MAX ? clean : `${points.slice(0, NAME_LENGTH_MAX - 1).join('')}…`
}

export function untrusted(text: string): TemplateResult {
  return html`<bdi class="untrusted">${cleanName(text)}</bdi>`
}

/** A provider by name and number: names are chosen freely, numbers are not. */
export function providerLink(id: number, name?: string): TemplateResult {
  return html`<a href=${addressOf('explorer', ['provider', id])}
    >${name === undefined || name === '' ? nothing : html`${untrusted(name)} `}<span class="soft">#${count(id)}</span></a
  >`
}

export function time(ms: number): TemplateResult {
  return html`<time datetime=${new Date(ms).toISOString()} title=${dateTime(ms)}>${ago(ms)}</time>`
}

export function moment(ms: number): TemplateResult {
  return html`<time datetime=${new Date(ms).toISOString()}>${dateTime(ms)}</time>
    <span class="soft">(${ago(ms)})</span>`
}

export type Tone = 'good' | 'warn' | 'bad' | 'info' | ''

export function badge(text: string, tone: Tone = ''): TemplateResult {
  return html`<span class="badge ${tone}">${text}</span>`
}

/** One cell of a grid of figures. */
export function figure(name: Part, value: Part, note: Part = nothing): TemplateResult {
  return html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
    ${note === nothing ? nothing : html`<dd class="note">${note}</dd>`}
  </div>`
}

/** One line of a list of facts. */
export function fact(name: string, value: Part): TemplateResult {
  return html`<dt>${name}</dt>
    <dd>${value}</dd>`
}
