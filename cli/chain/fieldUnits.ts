// What a number of a native action or query counts, for help. Owns: units by the names of arguments, which are the same in every module.
// A test asks for one for each argument that there is.
import type { AnyField } from '../../base/field.ts'
import { valueHint } from './fieldText.ts'

const WINDOW = 'window of capacity, as capacity clock counts them'
const CLASS = 'id of a hardware class'
const ASSET = 'id of an asset; 0 is the coin'
const PROVIDER = 'id of a provider'
const PARTS = 'millionths (ppm)'
const SECONDS = 'seconds since 1970'
const UNITS = 'base units; coins as 2.5acpc'
const PRICE = 'base units of the asset for a whole coin'

const COUNTED: { readonly [name: string]: string } = {
  id: 'its number',
  ...{ asset: ASSET, base: ASSET, quote: ASSET, classId: CLASS, provider: PROVIDER, bidder: PROVIDER },
  ...{
    from: PROVIDER,
    to: PROVIDER,
    member: 'id of a member',
    lot: 'id of a pledged lot',
    order: 'id of an order',
  },
  ...{ series: 'id of a series', assignment: 'which one of the redemption', proposal: 'id of a proposal' },
  ...{ window: WINDOW, firstWindow: WINDOW, lastWindow: WINDOW, startBy: WINDOW, finishBy: WINDOW },
  ...{ opensAt: WINDOW, closesAt: WINDOW, dueAt: WINDOW, epoch: 'epoch of the validator set' },
  ...{
    services: '1 train, 2 fine-tune, 4 infer, added up',
    devices: 'devices',
    memoryGb: 'GB of one device',
  },
  ...{ rating: PARTS, ratingMin: `${PARTS} of the reference device`, levels: 'prices of each side' },
  ...{ cursor: 'where to go on; 0 for the beginning', limit: 'how many at most' },
  ...{ validBefore: SECONDS, expires: SECONDS },
  ...{
    freeze: 'id of a freeze',
    motion: 'id of a motion',
    level: 'a whole number; a higher one includes the lower ones',
  },
  ...{ version: 'version of the rules', height: 'number of a block', decimals: 'digits after the point' },
  ...{ amountBase: UNITS, capBase: UNITS, deliveredBase: UNITS, spendMax: UNITS },
  ...{
    startPriceBase: PRICE,
    endPriceBase: PRICE,
    coinPriceBase: PRICE,
    priceBase: 'base units of the quote asset for a whole one',
  },
  ...{ payMaxBase: 'base units of the asset', paymentBase: UNITS },
}

/** The unit of a number or an amount; empty for other fields, undefined where none is known. */
export function unitOf(name: string, field: AnyField): string | undefined {
  const hint = valueHint(field)
  if (hint !== 'number' && hint !== 'amount') return ''
  return COUNTED[name] ?? (name.endsWith('Ppm') ? PARTS : undefined)
}
