// Draws line charts as SVG text from numbers alone, so that the measuring script can regenerate the figures in docs/.

export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  /** Draws point markers; otherwise only the curve. */
  readonly marked: boolean
}

export interface Axis {
  readonly label: string
  readonly scale: 'linear' | 'log'
  /** Ascending; the first and last are the ends of the axis. */
  readonly ticks: readonly number[]
  /** Text at a tick; default: thousands as k. */
  readonly textOf?: (tick: number) => string
}

const WIDTH = 640
const HEIGHT = 400
const LEFT = 70
const RIGHT = 20
const TOP = 48
const BOTTOM = 54
const COLOURS = ['#1b6ca8', '#c8553d', '#3d8361', '#7d5ba6', '#8a6d1d'] as const

/** One chart; numbers are rounded to a tenth of a pixel, so that equal figures give equal files. */
export function lineChart(options: {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
}): string {
  const { title, x, y, series } = options
  const atX = projection(x, LEFT, WIDTH - RIGHT)
  const atY = projection(y, HEIGHT - BOTTOM, TOP)
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text({ x: LEFT, y: 20, size: 14, anchor: 'start' }, title),
    ...x.ticks.flatMap((tick) => [
      line(atX(tick), TOP, atX(tick), HEIGHT - BOTTOM),
      text({ x: atX(tick), y: HEIGHT - BOTTOM + 18, size: 12, anchor: 'middle' }, (x.textOf ?? short)(tick)),
    ]),
    ...y.ticks.flatMap((tick) => [
      line(LEFT, atY(tick), WIDTH - RIGHT, atY(tick)),
      text({ x: LEFT - 8, y: atY(tick) + 4, size: 12, anchor: 'end' }, (y.textOf ?? short)(tick)),
    ]),
    text({ x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 14, size: 12, anchor: 'middle' }, x.label),
    text({ x: LEFT, y: TOP - 10, size: 12, anchor: 'start' }, y.label),
    ...series.flatMap((one, i) => drawSeries(one, i, atX, atY)),
    '</svg>',
  ]
  return `${parts.join('\n')}\n`
}

function drawSeries(
  series: Series,
  index: number,
  atX: (x: number) => number,
  atY: (y: number) => number,
): readonly string[] {
  const colour = COLOURS[index % COLOURS.length]!
  const points = series.points.map(([x, y]) => `${round(atX(x))},${round(atY(y))}`)
  const legendY = TOP + 14 + 16 * index
  return [
    `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...(series.marked ? series.points : []).map(
      ([x, y]) => `<circle cx="${round(atX(x))}" cy="${round(atY(y))}" r="3.5" fill="${colour}"/>`,
    ),
    `<rect x="${LEFT + 12}" y="${legendY - 9}" width="14" height="4" fill="${colour}"/>`,
    text({ x: LEFT + 32, y: legendY - 3, size: 12, anchor: 'start' }, series.name),
  ]
}

function projection(axis: Axis, low: number, high: number): (value: number) => number {
  const of = (value: number): number => (axis.scale === 'log' ? Math.log(value) : value)
  const first = of(axis.ticks[0]!)
  const span = of(axis.ticks.at(-1)!) - first
  return (value) => low + ((of(value) - first) / span) * (high - low)
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="#d8d8d8"/>`
}

function text(
  at: { x: number; y: number; size: number; anchor: 'start' | 'middle' | 'end' },
  content: string,
): string {
  const escaped = content.replace(/&/g, '&amp;').replace(/</g, '&lt;')
  return `<text x="${round(at.x)}" y="${round(at.y)}" font-size="${at.size}" text-anchor="${at.anchor}" fill="#222222">${escaped}</text>`
}

/** 1200 → "1.2k". */
function short(value: number): string {
  if (value >= 1_000_000) return `${value / 1_000_000}M`
  return value >= 1_000 ? `${value / 1_000}k` : `${value}`
}
