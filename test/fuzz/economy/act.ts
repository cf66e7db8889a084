// One transaction of a fuzzed history: who sends which call. Owns: its bytes, and how it reads in a report.
import type { AnyField } from '../../../base/field.ts'
import type { Address } from '../../../base/ids.ts'
import { type ModuleDef, moduleAddress } from '../../../base/moduleDefinition.ts'
import { assetAddress, receiptAsset } from '../../../state/modules/assets/ledger.ts'
import { erc20Schema } from '../../../state/modules/assets/schema.ts'
import { schemas } from '../../../state/schemas.ts'
import { calldata } from '../../support/calldata.ts'
import { driverSchema } from './driver.ts'

export interface Act {
  /** Number of the wallet that sends it. */
  readonly from: number
  readonly to: Address
  /** `module.action`, or `transfer`. */
  readonly name: string
  readonly data: Uint8Array
  readonly valueBase: bigint
  readonly definition: ModuleDef | undefined
  readonly args: { readonly [name: string]: unknown }
}

type Args = { readonly [name: string]: unknown }
const DEFINITIONS: { readonly [name: string]: ModuleDef } = { ...schemas, driver: driverSchema }

/** A call of a module's action, named `module.action`. */
export function act(from: number, name: string, args: Args = {}): Act {
  const [module, action] = name.split('.') as [string, string]
  const definition = DEFINITIONS[module]
  if (definition === undefined) throw new Error(`no module ${module}`)
  const data = calldata(definition, action, args)
  return { from, to: moduleAddress(definition), name, data, valueBase: 0n, definition, args }
}

/** A call of an asset's ERC-20 facade. */
export function token(from: number, asset: number, action: string, args: Args): Act {
  const data = calldata(erc20Schema, action, args)
  const name = `erc20.${action}`
  return {
    from,
    to: assetAddress(asset),
    name,
    data,
    valueBase: 0n,
    definition: erc20Schema,
    args: { asset, ...args },
  }
}

export function receipts(from: number, series: number, action: string, args: Args): Act {
  return token(from, receiptAsset(series), action, args)
}

export function transfer(from: number, to: Address, valueBase: bigint): Act {
  return {
    from,
    to,
    name: 'transfer',
    data: new Uint8Array(0),
    valueBase,
    definition: undefined,
    args: { to, valueBase },
  }
}

function plain(field: AnyField | undefined, value: unknown): string {
  const json = field === undefined ? String(value) : field.toJson(value)
  const text = typeof json === 'string' ? json : JSON.stringify(json)
  return text.length > 90 ? `${text.slice(0, 90)}…` : text
}

/** `3: redemption.request(amountBase=…, …)`. */
export function describeAct({ from, name, definition, args }: Act): string {
  const fields = definition?.actions[name.split('.')[1]!]?.args
  const parts = Object.entries(args).map(([key, value]) => `${key}=${plain(fields?.[key], value)}`)
  return `${from}: ${name}(${parts.join(', ')})`
}
