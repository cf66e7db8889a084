// Recounts every invariant in full at each window's end (ECONOMY §12), on a snapshot of the durable state.
// Owns: when it runs and what is reported. Not: the invariants (state/modules).
import { errorText } from '../../base/errors.ts'
import type { ReadContext } from '../../state/context.ts'
import type { Finding } from '../../state/engine.ts'
import { getClock } from '../../state/modules/capacity/windows.ts'
import type { Module } from '../../state/rules.ts'
import type { FullState } from '../../state/view.ts'
import type { ChainStore } from '../../storage/types.ts'
import type { FinalizedEvent, Importer } from './importerTypes.ts'

/** Every invariant that this state violates. */
export function recountInvariants(
  modules: readonly Module[],
  full: FullState,
  ctx: ReadContext,
): readonly Finding[] {
  const findings: Finding[] = []
  for (const module of modules) {
    for (const invariant of module.rules.invariants ?? []) {
      const reason = invariant.recount?.(full, ctx)
      if (reason !== undefined) {
        findings.push({ invariant: invariant.id, severity: invariant.severity, reason })
      }
    }
  }
  return findings
}

export interface RecountOptions {
  readonly modules: readonly Module[]
  readonly importer: Importer
  readonly store: ChainStore
  readonly contextOf: (height: number) => ReadContext | undefined
  /** Reports each violated invariant with the height it was found at. */
  readonly onFinding: (finding: Finding, height: number) => void
  /** True while the node catches up: the recount waits for the first window's end after that. */
  readonly isSyncing?: () => boolean
  /** A recount could not run, e.g. because the state does not fit in memory. */
  readonly onSkipped: (reason: string) => void
}

/** Recounts after each window; one at a time, the newest state wins. Returns the stop function. */
export function startRecounts(options: RecountOptions): () => Promise<void> {
  let window = getClock(options.importer.head().state).windowIndex
  let running: Promise<void> | undefined
  const recount = async (): Promise<void> => {
    try {
      const full = await options.store.entriesSnapshot()
      const ctx = options.contextOf(full.height)
      if (ctx === undefined) return
      for (const finding of recountInvariants(options.modules, full, { ...ctx, state: full })) {
        options.onFinding(finding, full.height)
      }
    } catch (error) {
      options.onSkipped(errorText(error))
    }
  }
  const stop = options.importer.onFinalized((event: FinalizedEvent) => {
    const now = getClock(event.executed.overlay).windowIndex
    if (now === window || running !== undefined || options.isSyncing?.() === true) return
    window = now
    running = recount().finally(() => {
      running = undefined
    })
  })
  return async () => {
    stop()
    await running
  }
}
