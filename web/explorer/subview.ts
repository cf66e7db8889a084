// What one kind of address in the explorer is: what it asks and how it shows that.
import { html, type TemplateResult } from 'lit'
import type { Json } from '../../base/field.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import type { Part } from '../ui/figures.ts'
import { words } from '../words/language.ts'
import { copyAs, type Request } from './asCommand.ts'
import { explorerMessages } from './messages.ts'

export interface Subview<T = unknown> {
  /** For the window's title and the heading. */
  readonly title: (id: string) => string
  /** Undefined: there is no such thing. */
  readonly load: (client: ChainClient, id: string, query: URLSearchParams) => Promise<T | undefined>
  readonly render: (value: T, id: string, query: URLSearchParams) => TemplateResult
}

export type Members = { readonly [name: string]: Json }

/** Types are checked where a subview is written; the list of them holds all kinds. */
export function subview<T>(of: Subview<T>): Subview {
  return of as unknown as Subview
}

export const membersOf = (json: Json | undefined): Members =>
  json !== null && typeof json === 'object' && !Array.isArray(json) ? (json as Members) : {}

export const listOf = (json: Json | undefined): readonly Json[] =>
  Array.isArray(json) ? (json as readonly Json[]) : []

/** A heading with what it is about, and its request in other words. */
export function heading(kind: string, name: Part, request?: Request): TemplateResult {
  return html`<div class="stack tight">
    <p class="soft small">${kind}</p>
    <h1 class="subject">${name}</h1>
    ${request === undefined ? '' : copyAs(request)}
  </div>`
}

export function card(title: Part, content: Part, { isFlush = false } = {}): TemplateResult {
  return html`<section class="card ${isFlush ? 'flush' : ''}">
    <header><h2>${title}</h2></header>
    ${content}
  </section>`
}

export function emptyNote(): TemplateResult {
  return html`<p class="soft pad">${words(explorerMessages).emptyList}</p>`
}
