// What stands where data is not there yet, or does not come: skeletons, and errors that say what to do. Also short messages.
import { html, render, type TemplateResult } from 'lit'
import { errorText } from '../../base/errors.ts'
import { ClientError } from '../../client/clientError.ts'
import { words } from '../words/language.ts'
import { cleanName } from './figures.ts'
import { uiMessages } from './messages.ts'
import type { Ask } from './view.ts'

export function skeleton(lines = 3): TemplateResult {
  return html`<div role="status">
    <span class="hidden">${words(uiMessages).loading}</span>
    ${Array.from({ length: lines }, () => html`<span class="skeleton"></span>`)}
  </div>`
}

function kindOf(error: unknown): 'transport' | 'rpc' | 'input' | 'other' {
  if (!(error instanceof ClientError)) return 'other'
  const { code } = error
  return code === 'transport' || code === 'rpc' || code === 'input' ? code : 'other'
}

const TEXT_MAX = 300

export function failure(error: unknown, retry?: () => void): TemplateResult {
  const { failed, retry: again } = words(uiMessages)
  const kind = kindOf(error)
  return html`<div class="notice bad stack tight" role="alert">
    <h3>${failed[kind]}</h3>
    <p class="untrusted mono small">${errorText(error).slice(0, TEXT_MAX)}</p>
    <p class="soft">${failed[`${kind}Help`]}</p>
    ${retry === undefined ? '' : html`<div><button @click=${retry}>${again}</button></div>`}
  </div>`
}

/** What an Ask has to show: what is there, else its failure, else a skeleton. */
export function shown<T>(ask: Ask<T>, ready: (value: T) => TemplateResult, lines = 3): TemplateResult {
  if (ask.value !== undefined) return ready(ask.value)
  if (ask.error !== undefined && !ask.isLoading) return failure(ask.error, () => void ask.run())
  return skeleton(lines)
}

const TOAST_MS = 4_000
const TOASTS_MAX = 3
let toasts: readonly { readonly text: string }[] = []

function renderToasts(): void {
  let host = document.querySelector<HTMLElement>('body > .toasts')
  if (host === null) {
    host = document.createElement('div')
    host.className = 'toasts'
    host.setAttribute('role', 'status')
    document.body.append(host)
  }
  render(
    toasts.map(({ text }) => html`<div>${text}</div>`),
    host,
  )
}

/** Says something for a moment; assistive technology reads it. */
export function toast(text: string): void {
  const one = { text: cleanName(text) }
  toasts = [...toasts, one].slice(-TOASTS_MAX)
  renderToasts()
  setTimeout(() => {
    toasts = toasts.filter((other) => other !== one)
    renderToasts()
  }, TOAST_MS)
}

export async function copy(text: string): Promise<void> {
  const { copied, notCopied } = words(uiMessages)
  try {
    await navigator.clipboard.writeText(text)
    toast(copied)
  } catch {
    toast(notCopied)
  }
}

export function copyButton(text: string, name?: string): TemplateResult {
  const { copy: label } = words(uiMessages)
  return html`<button class="plain small no-print" @click=${() => void copy(text)}>${name ?? label}</button>`
}
