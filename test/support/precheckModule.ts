// A module whose rule needs costly work on its calldata: a precheck. Not: the rules of any real module.
import { fromHex } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { type Address, ZERO_HASH } from '../../base/ids.ts'
import { defineModule, moduleAddress } from '../../base/moduleDefinition.ts'
import { t } from '../../base/schema.ts'
import { eventsOf, failuresOf, implement } from '../../state/rules.ts'
import { tablesOf } from '../../state/table.ts'
import { calldata } from './calldata.ts'

export const provingSchema = defineModule({
  name: 'proving',
  id: 210,
  doc: 'Test module that stores what a long computation over its calldata gives.',
  params: {},
  records: {
    proof: { id: 1, key: { number: t.u64 }, value: { digest: t.hash }, doc: 'A digest by number.' },
  },
  errors: { Refused: { digest: t.hash } },
  events: { Proven: { number: t.u64, digest: t.hash } },
  actions: {
    prove: {
      args: { number: t.u64, bytes: t.bytes(4096) },
      fails: ['Refused'],
      gas: 50_000,
      doc: 'Stores the digest of the call.',
    },
  },
  queries: {},
})
export const provingTables = tablesOf(provingSchema)
const fail = failuresOf(provingSchema)
const events = eventsOf(provingSchema)

/** Calldata that crashes a thread, so that a test can see what becomes of it. */
export const CRASH = fromHex('deadbeef')

/** How often this thread has computed a digest. */
export const computed = { count: 0 }

export function digestOf(data: Uint8Array): Uint8Array {
  let digest: Uint8Array = sha256(data)
  for (let i = 0; i < 100; i++) digest = sha256(digest)
  return digest
}

/** Half of all digests are refused; calldata that begins with `CRASH` throws. */
export const provingModule = implement(provingSchema, {
  actions: {
    prove: (ctx, { number }) => {
      const digest = ctx.precheck!()
      if (digest[0]! >= 128) return fail.Refused({ digest })
      // After this point the action must succeed.
      provingTables.proof.set(ctx.state, { number }, { digest })
      events.Proven(ctx, { number, digest })
      return undefined
    },
  },
  queries: {},
  precheck: (data) => {
    if (CRASH.every((byte, i) => data[i] === byte)) throw new Error('crash')
    computed.count++
    return data.length === 0 ? ZERO_HASH : digestOf(data)
  },
})

export const PROVING_ADDRESS: Address = moduleAddress(provingSchema)

export const proveCall = (number: number, bytes: Uint8Array): Uint8Array =>
  calldata(provingSchema, 'prove', { number, bytes })
