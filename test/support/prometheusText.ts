// Reads Prometheus' text format as strictly as its own parser. Owns: the format's rules.
import assert from 'node:assert/strict'

export interface Family {
  readonly type: string
  readonly help: string
  readonly samples: {
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
    readonly value: number
  }[]
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y
const OF_HISTOGRAM = /_(?:bucket|sum|count)$/

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < text.length) {
    const match = LABEL.exec(text)
    assert.ok(match !== null, `labels ${text}`)
    assert.ok(!Object.hasOwn(labels, match[1]!), `label ${match[1]} twice`)
    labels[match[1]!] = match[2]!.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c))
  }
  return labels
}

/** The families by name. Fails on anything that Prometheus would refuse, and on what its guide to names advises against. */
export function parsePrometheus(text: string): ReadonlyMap<string, Family> {
  assert.ok(text.endsWith('\n') && !text.includes('\r'))
  const families = new Map<string, Family>()
  const seen = new Set<string>()
  let current: [string, Family] | undefined
  let help: [string, string] | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line)
    if (comment?.[1] === 'HELP') help = [comment[2]!, comment[3]!]
    else if (comment !== null) {
      const [, , name, type] = comment as unknown as [string, string, string, string]
      assert.ok(help?.[0] === name && /[.)]$/.test(help[1]), `${name} has a HELP line before its TYPE`)
      assert.ok(!families.has(name), `${name} is one group`)
      assert.equal(name.endsWith('_total'), type === 'counter', name)
      current = [name, { type, help: help[1], samples: [] }]
      families.set(...current)
    } else {
      const match = SAMPLE.exec(line)
      assert.ok(match !== null, line)
      const [, name, labels = '', value] = match as unknown as [string, string, string | undefined, string]
      assert.ok(current !== undefined)
      const family = current[1].type === 'histogram' ? name.replace(OF_HISTOGRAM, '') : name
      assert.equal(family, current[0])
      const key = `${name}{${labels}}`
      assert.ok(!seen.has(key), `${key} twice`)
      seen.add(key)
      assert.ok(/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/.test(value), line)
      current[1].samples.push({ name, labels: labelsOf(labels), value: Number(value) })
    }
  }
  return families
}

/** The value of the sample with these labels among others. */
export function sampleOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const family = families.get(name) ?? families.get(name.replace(OF_HISTOGRAM, ''))
  assert.ok(family !== undefined, `no metric ${name}`)
  const wanted = Object.entries(labels)
  return family.samples.find(
    (sample) => sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value),
  )?.value
}
