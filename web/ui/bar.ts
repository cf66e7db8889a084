// Shares of a whole as one bar. Drawn with attributes of SVG: the page's policy allows no styles in markup.
import { html, nothing, svg, type TemplateResult } from 'lit'

export type Fill = '1' | '2' | '3' | '4' | 'rest' | 'bad'

export interface Segment {
  /** 0 to 1 of the whole. */
  readonly ratio: number
  readonly fill: Fill
}

const clamp = (value: number): number => (Number.isFinite(value) ? Math.min(1, Math.max(0, value)) : 0)
const share = (value: number): string => `${(clamp(value) * 100).toFixed(3)}%`

/** `mark`: where a line stands across the bar, 0 to 1. `label` says the same in words. */
export function bar(options: {
  readonly label: string
  readonly segments: readonly Segment[]
  readonly mark?: number
}): TemplateResult {
  const { label, segments, mark } = options
  let from = 0
  const drawn = segments.map(({ ratio, fill }) => {
    const x = from
    from += clamp(ratio)
    return svg`<rect x=${share(x)} y="0" width=${share(ratio)} height="100%" class="fill-${fill}"></rect>`
  })
  return html`<svg class="bar" role="img" aria-label=${label}>
    <rect width="100%" height="100%" class="fill-rest"></rect>
    ${drawn} ${mark === undefined ? nothing : svg`<rect x=${share(mark)} width="2" height="100%" class="mark"></rect>`}
  </svg>`
}

export function legendMark(fill: Fill): TemplateResult {
  return html`<svg width="10" height="10" aria-hidden="true"><rect width="10" height="10" rx="2" class="fill-${fill}"></rect></svg>`
}
