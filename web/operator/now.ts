// The figures of this moment.
import { html, type TemplateResult } from 'lit'
import type { LiveBlock } from '../node/live.ts'
import { figure, number, sourced, time } from '../ui/figures.ts'
import { bytes, count, duration } from '../words/format.ts'
import { words } from '../words/language.ts'
import type { Status } from './data.ts'
import { operatorMessages } from './messages.ts'

const SOURCE = { method: 'node_status' }

/** `newest`: the block that the page has heard of last; fresher than the status. */
export function nowFigures(status: Status, newest: LiveBlock | undefined): TemplateResult {
  const m = words(operatorMessages)
  const { inside } = status
  const height = Math.max(status.height, newest?.height ?? 0)
  const at =
    newest !== undefined && newest.height >= status.height
      ? time(newest.timestampMs)
      : duration(status.finalizedAgeMs)
  return html`<section aria-labelledby="now">
    <h2 id="now" class="hidden">${m.now}</h2>
    <dl class="figures now">
      ${figure(m.finality, number(height, SOURCE), html`${at} · ${m.finalityNote(duration(status.heartbeatMs))}`)}
      ${figure(
        m.view,
        sourced(SOURCE, `${count(status.epoch)} / ${count(status.view)}`),
        inside === undefined ? m.viewUnknown : m.viewNote(count(inside.leader)),
      )}
      ${figure(m.quorum, number(status.validators, SOURCE), m.quorumNote(count(status.quorum)))}
      ${figure(m.peers, number(status.connectedPeers, SOURCE))}
      ${figure(m.pool, number(status.mempoolCount, SOURCE), bytes(status.mempoolBytes))}
      ${figure(m.loop, sourced(SOURCE, duration(status.loopLagMaxMs)), m.loopNote(duration(status.loopLagMeanMs)))}
      ${figure(
        m.clock,
        inside?.clockOffsetMs === undefined ? '–' : sourced(SOURCE, duration(inside.clockOffsetMs)),
        m.clockNote,
      )}
      ${figure(m.behind, number(status.behindBlocks, SOURCE))}
    </dl>
  </section>`
}
