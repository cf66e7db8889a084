// Data read from disk after a crash, and from operators: journal frames and records, keystores.

import { concatBytes } from '../../../base/bytes.ts'
import type { Json } from '../../../base/field.ts'
import { SchemaError } from '../../../base/field.ts'
import { decodeRecord, encodeRecord, type JournalRecord } from '../../../consensus/records.ts'
import { encryptKeystore, KeystoreError, parseKeystore } from '../../../signer/keystore.ts'
import { encodeFrame, scanFrames } from '../../../storage/recordFile.ts'
import type { Random } from '../../support/random.ts'
import { mutateBytes, mutateJson, randomBytes } from '../bytes.ts'
import type { FuzzTarget } from '../target.ts'

const SEEDS = 64

function anyRecord(random: Random): JournalRecord {
  const [epoch, view] = [random.between(0, 5), random.between(1, 50)]
  const digest = randomBytes(random, 32)
  switch (random.between(0, 2)) {
    case 0:
      return { kind: 'block', body: { epoch, view, block: randomBytes(random, random.between(1, 60)) } }
    case 1:
      return { kind: 'intent', body: { epoch, subject: { kind: 'nullify', epoch, view } } }
    default:
      return {
        kind: 'verdict',
        body: { epoch, digest, verdict: random.pick(['valid', 'invalid', 'mismatch']) },
      }
  }
}

function anyJournal(random: Random): Uint8Array {
  const records = Array.from({ length: random.between(1, 4) }, () => anyRecord(random))
  return concatBytes(...records.map((record) => encodeFrame(record.body.epoch, encodeRecord(record))))
}

/** A damaged journal is truncated or reported corrupt, never misread: every returned frame is in the written bytes. */
export const journalTarget: FuzzTarget = {
  name: 'journal',
  weight: 2,
  open: (random) => {
    const seeds = Array.from({ length: SEEDS }, () => anyJournal(random))
    return {
      step: (r) => {
        const at = r.between(0, SEEDS - 1)
        if (r.chance(1 / 64)) seeds[at] = anyJournal(r)
        const bytes = mutateBytes(r, seeds[at]!, r.pick(seeds))
        const scan = scanFrames(bytes, 0)
        if (scan.validBytes > bytes.length) throw new Error('valid beyond the end')
        if (scan.damage === 'none' && scan.validBytes !== bytes.length)
          throw new Error('a torn tail was not detected')
        for (const frame of scan.frames) {
          try {
            decodeRecord(frame.payload)
          } catch (error) {
            if (!(error instanceof SchemaError)) throw error
          }
        }
      },
    }
  },
}

/** Parsing reports errors; no password is tried. */
export const keystoreTarget: FuzzTarget = {
  name: 'keystore',
  weight: 0.5,
  open: () => {
    const secret = new Uint8Array(32).fill(9)
    const make = (kdf: 'scrypt' | 'pbkdf2'): Json =>
      JSON.parse(
        JSON.stringify(
          encryptKeystore({
            secret,
            publicKey: secret,
            purpose: 'consensus',
            password: 'x',
            cost: 'light',
            kdf,
          }),
        ),
      ) as Json
    const seeds = [make('scrypt'), make('pbkdf2')]
    return {
      step: (r) => {
        try {
          parseKeystore(mutateJson(r, r.pick(seeds)))
        } catch (error) {
          if (!(error instanceof KeystoreError)) throw error
        }
      },
    }
  },
}
