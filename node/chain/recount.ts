// Recounts every invariant in full at each window's end (ECONOMY §12), in slices beside consensus, on a pinned state.
// Owns: when it runs, its pace and what is reported. Not: the invariants (state/modules).
import { setTimeout } from 'node:timers/promises'
import { errorText } from '../../base/errors.ts'
import type { ReadContext } from '../../state/context.ts'
import type { Finding } from '../../state/engine.ts'
import { getClock } from '../../state/modules/capacity/windows.ts'
import { type EntriesRequest, type Entry, RECOUNT_PIECE, type Recount } from '../../state/recount.ts'
import type { Invariant, Module } from '../../state/rules.ts'
import { modulesAt } from '../../state/versions.ts'
import type { StateReader } from '../../state/view.ts'
import type { ChainStore } from '../../storage/types.ts'
import type { FinalizedEvent, Importer } from './importerTypes.ts'

/** Pause after each slice, which takes one to two milliseconds, to leave the time to consensus. */
const PAUSE_MS = 2

/** Where a recount reads: one unchanging state. */
export interface RecountSource extends StateReader {
  entries(request: EntriesRequest, countMax: number): Promise<readonly Entry[]>
}

interface Walk {
  readonly invariant: Invariant
  readonly recount: Recount
  readonly step: IteratorResult<EntriesRequest | undefined, string | undefined>
}

/**
 * Every invariant that this state violates. Invariants that walk the same entries share one pass over them.
 * `pause` is awaited after each slice; when it rejects, so does the recount.
 */
export async function recountInvariants(
  modules: readonly Module[],
  source: RecountSource,
  options: { readonly block: ReadContext['block']; readonly pause: () => Promise<void> },
): Promise<readonly Finding[]> {
  const ctx = { state: source, block: options.block }
  const findings = new Map<Invariant, Finding>()
  const live = modulesAt(modules, options.block.protocolVersion)
  const invariants = live.flatMap((module) => module.rules.invariants ?? [])
  let walks: Walk[] = []
  const goOn = (invariant: Invariant, recount: Recount, entries: readonly Entry[]): void => {
    const step = recount.next(entries)
    if (step.done !== true) walks.push({ invariant, recount, step })
    else if (step.value !== undefined) {
      const { id, severity } = invariant
      findings.set(invariant, { invariant: id, severity, reason: step.value })
    }
  }
  for (const invariant of invariants) {
    const recount = invariant.recount?.(ctx)
    if (recount === undefined) continue
    goOn(invariant, recount, [])
    await options.pause()
  }
  while (walks.length > 0) {
    const request = lowestRequest(walks)
    const entries = request === undefined ? [] : await source.entries(request, RECOUNT_PIECE)
    const served = walks.filter(({ step }) => isSame(step.value as EntriesRequest | undefined, request))
    walks = walks.filter((walk) => !served.includes(walk))
    for (const { invariant, recount } of served) goOn(invariant, recount, entries)
    await options.pause()
  }
  return invariants.flatMap((invariant) => findings.get(invariant) ?? [])
}

/** A pause if anything asks for one, else the lowest entries: so that walks over the same entries meet. */
function lowestRequest(walks: readonly Walk[]): EntriesRequest | undefined {
  let lowest: EntriesRequest | undefined
  for (const { step } of walks) {
    const request = step.value as EntriesRequest | undefined
    if (request === undefined) return undefined
    if (lowest === undefined || isBelow(request, lowest)) lowest = request
  }
  return lowest
}

function isBelow(a: EntriesRequest, b: EntriesRequest): boolean {
  return a.prefix === b.prefix ? (a.after ?? '') < (b.after ?? '') : a.prefix < b.prefix
}

function isSame(a: EntriesRequest | undefined, b: EntriesRequest | undefined): boolean {
  return a?.prefix === b?.prefix && a?.after === b?.after
}

export interface RecountOptions {
  readonly modules: readonly Module[]
  readonly importer: Importer
  readonly store: ChainStore
  readonly contextOf: (height: number) => Pick<ReadContext, 'block'> | undefined
  /** Reports each violated invariant with the height it was found at. */
  readonly onFinding: (finding: Finding, height: number) => void
  /** True while the node catches up: the recount waits for the first window's end after that. */
  readonly isSyncing?: () => boolean
  /** A recount could not run, e.g. because a record is missing. */
  readonly onSkipped: (reason: string) => void
  /** A recount has ended, whatever it found. */
  readonly onEnd?: () => void
}

class RecountStopped extends Error {}

/** Recounts after each window; one at a time, the newest state wins. Returns the stop function. */
export function startRecounts(options: RecountOptions): () => Promise<void> {
  let window = getClock(options.importer.head().state).windowIndex
  let running: Promise<void> | undefined
  let isStopped = false
  const pause = async (): Promise<void> => {
    await setTimeout(PAUSE_MS)
    if (isStopped) throw new RecountStopped()
  }
  const recount = async (): Promise<void> => {
    const pinned = await options.store.pinState()
    try {
      const block = options.contextOf(pinned.height)?.block
      if (block === undefined) return
      const findings = await recountInvariants(options.modules, pinned, { block, pause })
      for (const finding of findings) options.onFinding(finding, pinned.height)
    } finally {
      await pinned.close()
    }
  }
  const stop = options.importer.onFinalized((event: FinalizedEvent) => {
    const now = getClock(event.executed.overlay).windowIndex
    if (now === window || running !== undefined || options.isSyncing?.() === true) return
    window = now
    running = recount()
      .catch((error) => {
        if (!(error instanceof RecountStopped)) options.onSkipped(errorText(error))
      })
      .finally(() => {
        running = undefined
        options.onEnd?.()
      })
  })
  return async () => {
    stop()
    isStopped = true
    await running
  }
}
