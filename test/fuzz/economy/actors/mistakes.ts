// Near-valid calls: one that somebody makes anyway, with one argument beside what it was, or by somebody else, or twice.
import { type Act, act } from '../act.ts'
import type { Scene } from '../scene.ts'
import { HOLDERS } from '../wallets.ts'

const CHANCE = 0.08
const MODULE_CALL = /^(?!erc20|transfer)/

function beside(scene: Scene, value: unknown): unknown {
  const { random } = scene
  if (typeof value === 'number') return Math.max(0, random.pick([value - 1, value + 1, 0, value + 1_000]))
  if (typeof value === 'bigint') {
    const one = random.pick([value - 1n, value + 1n, 0n, value * 2n, 2n ** 128n - 1n, 10n ** 24n])
    return one < 0n ? 0n : one
  }
  if (typeof value === 'string') return random.pick(['', 'a', 'local', 'train'])
  if (value instanceof Uint8Array) {
    const changed = value.slice()
    if (changed.length > 0) changed[random.between(0, changed.length - 1)]! ^= 1
    return random.chance(0.8) ? changed : new Uint8Array(0)
  }
  return Array.isArray(value) ? (random.chance(0.5) ? [] : [...value, ...value]) : value
}

function mistake(scene: Scene, made: Act): readonly Act[] {
  const { random } = scene
  const roll = random.next()
  if (roll < 0.2) return [made]
  if (roll < 0.4)
    return [{ ...made, from: random.pick([...HOLDERS, ...scene.ids.map((id) => scene.operator(id))]) }]
  const names = Object.keys(made.args)
  const fields = made.definition?.actions[made.name.split('.')[1]!]?.args
  if (names.length === 0 || fields === undefined) return []
  const name = random.pick(names)
  const args = { ...made.args, [name]: beside(scene, made.args[name]) }
  return fields[name]?.check(args[name]) === undefined ? [act(made.from, made.name, args)] : []
}

/** Some of these calls once more, not quite the same. */
export function mistakesOf(scene: Scene, acts: readonly Act[]): readonly Act[] {
  return acts
    .filter(({ name }) => MODULE_CALL.test(name) && scene.random.chance(CHANCE))
    .flatMap((made) => mistake(scene, made))
}
