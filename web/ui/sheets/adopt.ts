// Constructable sheets of the document: the page's policy allows no other styles. Owns: the order. A view adds its own sheet once.
import type { CSSResult } from 'lit'
import { base } from './base.ts'
import { parts } from './parts.ts'
import { tokens } from './tokens.ts'

const adopted = new Set<CSSStyleSheet>()

/** Idempotent; later sheets win over earlier ones. */
export function adopt(sheet: CSSResult): void {
  const { styleSheet } = sheet
  if (styleSheet === undefined || adopted.has(styleSheet)) return
  adopted.add(styleSheet)
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, styleSheet]
}

export function adoptDesign(): void {
  for (const sheet of [tokens, base, parts]) adopt(sheet)
}
