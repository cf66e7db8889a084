// Any value of the chain as facts: what it is follows from the names of the fields, which are the protocol's own.
import { html, nothing, type TemplateResult } from 'lit'
import type { Json } from '../../base/field.ts'
import {
  address,
  amount,
  badge,
  blockLink,
  cleanName,
  hash,
  moment,
  number,
  type Part,
  providerLink,
} from '../ui/figures.ts'
import { uiMessages } from '../ui/messages.ts'
import { ppm } from '../words/format.ts'
import { words } from '../words/language.ts'

type Members = { readonly [name: string]: Json }

const DEPTH_MAX = 3
const ELEMENTS_MAX = 20
const ADDRESS = /^0x[0-9a-f]{40}$/i
const HASH = /^0x[0-9a-f]{64}$/i
const WHOLE = /^(?:0|[1-9]\d{0,77})$/
const ZERO_ADDRESS = /^0x0{40}$/
/** Beside one of these, an amount is in units of an asset. */
const ASSET_NAMES = ['asset', 'base', 'quote'] as const

function textPart(name: string, text: string, siblings: Members): Part {
  const { nothing: none } = words(uiMessages)
  if (text === '' || ZERO_ADDRESS.test(text)) return html`<span class="soft">${none}</span>`
  if (ADDRESS.test(text)) return address(text)
  if (HASH.test(text)) return hash(text)
  if (WHOLE.test(text)) {
    const isOfAsset = /^price/.test(name) || ASSET_NAMES.some((one) => one in siblings)
    if (/Base$/.test(name) && !isOfAsset) return amount(BigInt(text))
    if (/ppm$/i.test(name) || /^(?:rating|anchor|train|finetune|infer)/.test(name)) return ppm(BigInt(text))
    return number(BigInt(text))
  }
  if (text.startsWith('0x'))
    return html`<span class="mono small untrusted">${text.length > 130 ? `${text.slice(0, 130)}…` : text}</span>`
  return html`<bdi class="untrusted">${cleanName(text)}</bdi>`
}

function numberPart(name: string, value: number): Part {
  if (/Ms$/.test(name) && value > 1e12) return moment(value)
  if (name === 'provider' || name === 'member') return value === 0 ? number(value) : providerLink(value)
  if (/[hH]eight$/.test(name)) return blockLink(value)
  return number(value)
}

/** One value of a field. */
export function valuePart(name: string, value: Json | undefined, siblings: Members = {}, depth = 0): Part {
  const { yes, no, nothing: none } = words(uiMessages)
  if (value === undefined || value === null) return html`<span class="soft">${none}</span>`
  if (typeof value === 'boolean') return badge(value ? yes : no)
  if (typeof value === 'number') return numberPart(name, value)
  if (typeof value === 'string') return textPart(name, value, siblings)
  if (depth >= DEPTH_MAX) return '…'
  if (Array.isArray(value)) {
    const list = value as readonly Json[]
    if (list.length === 0) return html`<span class="soft">${none}</span>`
    const rest = list.length - ELEMENTS_MAX
    return html`${list
      .slice(0, ELEMENTS_MAX)
      .map((one) => html`<div>${valuePart(name, one, siblings, depth + 1)}</div>`)}
    ${rest > 0 ? html`<div class="soft">+ ${number(rest)}</div>` : nothing}`
  }
  return record(value as Members, depth + 1)
}

/** All fields of a value, in its own order. */
export function record(value: Members, depth = 0): TemplateResult {
  return html`<dl class="facts">
    ${Object.entries(value).map(
      ([name, one]) => html`<dt><code>${name}</code></dt>
        <dd>${valuePart(name, one, value, depth)}</dd>`,
    )}
  </dl>`
}
