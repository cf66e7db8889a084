// Queries about what there is and what there was: each must answer within its schema, or that there is no such thing.
import type { AnyField } from '../../../base/field.ts'
import { MODULE_SCHEMAS } from '../../../state/schemas.ts'
import type { Scene } from './scene.ts'
import { addressOf, HOLDERS } from './wallets.ts'

const QUERIES = MODULE_SCHEMAS.flatMap((definition) =>
  Object.entries(definition.queries).map(([name, { args }]) => ({ module: definition.name, name, args })),
)
/** Signed actions and raw bytes have questions of their own in other tests. */
const ASKED = QUERIES.filter(({ args }) =>
  Object.values(args).every(({ kind }) => kind !== 'struct' && kind !== 'list'),
)
const ASKED_PER_BLOCK = 2

function argumentOf(scene: Scene, name: string, field: AnyField): unknown {
  const { random, window } = scene
  switch (field.kind) {
    case 'address':
      return addressOf(random.pick([...HOLDERS, ...scene.ids.map((id) => scene.operator(id))]))
    case 'amount':
    case 'u256':
      return random.pick([0n, 1n, 10n ** 18n, 10n ** 24n])
    case 'ppm':
      return random.pick([0n, 1_000_000n])
    case 'bool':
      return random.chance(0.5)
    case 'text':
      return random.pick(['', 'local'])
    case 'oneOf':
      return field.fromAbi(0n)
    case 'u8':
    case 'u16':
    case 'u32':
    case 'u64': {
      if (/window/i.test(name)) return scene.about(window)
      if (name === 'limit') return random.between(1, 20)
      return random.chance(0.8) ? random.between(0, 9) : random.pick([0, 99, 100_000])
    }
    default:
      return new Uint8Array(32)
  }
}

/** Asks a few questions drawn by the seed. */
export function ask(scene: Scene): void {
  for (let i = 0; i < ASKED_PER_BLOCK; i++) {
    const { module, name, args } = scene.random.pick(ASKED)
    const values = Object.fromEntries(
      Object.entries(args).map(([key, field]) => [key, argumentOf(scene, key, field)] as const),
    )
    const isValid = Object.entries(args).every(([key, field]) => field.check(values[key]) === undefined)
    if (isValid) scene.chain.query(module, name, values)
  }
}
