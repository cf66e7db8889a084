// Writes `diagnosis-HEIGHT.json` to the data directory on a halt. Owns: the file, which block it is about.
// Not: halting (halt.ts), examining afterwards (cli/doctor/diagnose.ts).
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keyBytes, toHex } from '../../base/bytes.ts'
import { errorText } from '../../base/errors.ts'
import type { AnyField, Json } from '../../base/field.ts'
import { type Header, headerSchema, type SealedBlock } from '../../base/protocol/header.ts'
import { receiptSchema } from '../../base/protocol/receipt.ts'
import { type ExecuteOptions, recomputeBlock } from '../../state/execute.ts'
import type { HeadView, Importer } from '../chain/importerTypes.ts'
import { VERSION } from '../version.ts'
import { recordName } from './stateCheck.ts'

/** Refused blocks remembered, until a halt shows which one matters. */
const REFUSED_MAX = 16
const KEYS_MAX = 4096
/** Longer blocks are left out of the file; the journal has them. */
const BLOCK_BYTES_WRITTEN_MAX = 1024 * 1024
/** Files per height. */
const FILES_MAX = 9

interface Refused {
  readonly block: SealedBlock
  readonly verdict: string
  readonly detail: string
}

export interface HaltRecordOptions {
  readonly dataDir: string
  /** Options for re-executing a block; undefined before the chain is open. */
  readonly execution: () => ExecuteOptions | undefined
  readonly importer: () => Pick<Importer, 'head' | 'parentView'> | undefined
  /** The latest log lines, oldest first. */
  readonly recentLog: () => readonly string[]
  readonly nowMs: () => number
}

export class HaltRecord {
  readonly #options: HaltRecordOptions
  #refused: Refused[] = []

  constructor(options: HaltRecordOptions) {
    this.#options = options
  }

  /** Call for every block that matches its header but fails execution. */
  note(block: SealedBlock, refusal: { readonly kind: string; readonly detail: string }): void {
    const { kind, detail } = refusal
    this.#refused = [...this.#refused, { block, verdict: kind, detail }].slice(-REFUSED_MAX)
  }

  /** Whether the halt is about a block that failed execution here. */
  isRefusal(reason: string): boolean {
    return this.#about(reason) !== undefined
  }

  #about(reason: string): Refused | undefined {
    const height = Number(/(?:height|block) (\d+)/.exec(reason)?.[1] ?? Number.NaN)
    return this.#refused.findLast(({ block }) => block.header.height === height)
  }

  /** Writes the file and returns its path; undefined when writing fails. */
  write(reason: string): string | undefined {
    const { dataDir, importer, nowMs, recentLog } = this.#options
    const about = this.#about(reason)
    const head = importer()?.head()
    const height = about?.block.header.height ?? head?.header.height ?? 0
    const diagnosis = {
      reason,
      at: new Date(nowMs()).toISOString(),
      version: VERSION,
      ...(head === undefined ? {} : { tip: describeTip(head) }),
      ...(about === undefined ? {} : { block: this.#describe(about) }),
      next: `stop the node, then: suanli doctor -d ${dataDir}`,
      log: recentLog(),
    }
    try {
      const path = freePath(dataDir, height)
      writeFileSync(path, `${JSON.stringify(diagnosis, null, 2)}\n`, { mode: 0o600 })
      return path
    } catch {
      return undefined
    }
  }

  #describe({ block, verdict, detail }: Refused): Json {
    const { header, hash, bytes } = block
    const own = this.#recompute(block)
    return {
      height: header.height,
      hash: toHex(hash),
      verdict,
      detail,
      header: headerSchema.toJson(header),
      ...(bytes.length > BLOCK_BYTES_WRITTEN_MAX ? {} : { bytes: toHex(bytes) }),
      own,
    }
  }

  /** This node's result for the block: differing fields, receipts, changed keys; or why it could not execute it. */
  #recompute(block: SealedBlock): Json {
    const execution = this.#options.execution()
    const parent = this.#options.importer()?.parentView(block.header.parentHash)
    if (execution === undefined || parent === undefined) return { error: 'the parent is no longer available' }
    try {
      const result = recomputeBlock(parent, block, execution)
      if ('rejected' in result) return { error: `${result.rejected.code}: ${result.rejected.detail}` }
      const { header, executed } = result
      const changes = [...executed.overlay.changes()].slice(0, KEYS_MAX)
      executed.tree.release()
      return {
        differs: differences(block.header, header),
        receipts: executed.receipts.map((receipt) => receiptSchema.toJson(receipt)),
        changedKeys: changes.map(([key, value]) => ({
          record: recordName(execution.chain.modules, key),
          key: toHex(keyBytes(key)),
          value: value === undefined ? null : toHex(value),
        })),
      }
    } catch (error) {
      return { error: errorText(error) }
    }
  }
}

function describeTip({ header, hash }: HeadView): Json {
  return { height: header.height, hash: toHex(hash), stateRoot: toHex(header.stateRoot) }
}

/** Every header field that this node computes differently. */
function differences(header: Header, own: Header): Json {
  const found: Json[] = []
  for (const [name, field] of Object.entries(headerSchema.fields) as [keyof Header, AnyField][]) {
    const text = (value: unknown): Json => (value === undefined ? null : field.toJson(value))
    const [said, computed] = [text(header[name]), text(own[name])]
    if (JSON.stringify(said) !== JSON.stringify(computed))
      found.push({ field: name, header: said, own: computed })
  }
  return found
}

function freePath(dataDir: string, height: number): string {
  const first = join(dataDir, `diagnosis-${height}.json`)
  for (let i = 2, path = first; i <= FILES_MAX; path = join(dataDir, `diagnosis-${height}-${i++}.json`)) {
    if (!existsSync(path)) return path
  }
  return first
}
